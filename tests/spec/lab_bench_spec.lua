--- `tandem bench`, as a shell sees it.
local json = require "cjson"

local command = require "spec.support.command"
local files = require "spec.support.files"
local preload = require "spec.support.preload"

-- @return exit code, stdout, stderr
local function bench(arguments)
  local dir = files.directory()
  local line = "%s timeout 300 %s %s bench %s >%s/out 2>%s/err"
  local _, _, code = os.execute(line:format(preload.without, preload.lua,
    command.file, arguments, dir, dir))
  return code, files.read(dir .. "/out"), files.read(dir .. "/err")
end

describe("tandem bench", function()
  after_each(function() files.remove_all() end)

  it("prints one small table", function()
    local code, out, err = bench("--workers 4")
    assert.same({ 0, "" }, { code, err })
    for line in out:gmatch("[^\n]+") do
      assert.is_true(utf8.len(line) <= 80, line)
    end
    for _, words in ipairs { "serial", "threads", "processes", "IO-bound",
                             "CPU-bound", "4 workers" } do
      assert.is_truthy(out:find(words, 1, true), words)
    end
  end)

  it("writes the same as JSON", function()
    local code, out, err = bench("--json --workers 2")
    assert.same({ 0, "" }, { code, err })
    local read = json.decode(out)
    assert.equal(2, read.workers)
    assert.is_number(read.machine.cpus)
    local kinds = {}
    for _, row in ipairs(read.rows) do
      kinds[row.kind] = true
      for _, pool in ipairs { "serial", "threads", "processes" } do
        assert.is_true(row.seconds[pool] > 0)
      end
    end
    assert.same({ io = true, cpu = true }, kinds)
  end)

  it("has help, and refuses what is no number of workers", function()
    local code, out = bench("--help")
    assert.equal(0, code)
    assert.is_truthy(out:find("Usage: tandem bench", 1, true))
    local wrong, _, err = bench("--workers none")
    assert.equal(2, wrong)
    assert.is_truthy(err:find("not a whole number from 1 to 1000", 1, true))
  end)
end)
