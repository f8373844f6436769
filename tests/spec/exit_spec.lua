--- How a script may end while its workers are busy: in every way there is.
local files = require "spec.support.files"
local run_script = require "spec.support.script"

-- What the workers are at; each is told that it started by a line in LOG.
local BUSY = {
  nothing = "",
  sleeping = [[
    for _ = 1, 2 do pool:submit("fixtures.gate:sleep", LOG, 60) end
    wait_started(2)
  ]],
  looping = [[
    for _ = 1, 2 do
      pool:submit(function(log)
        require("fixtures.gate").pass_by(log)
        while true do end
      end, LOG)
    end
    wait_started(2)
  ]],
  blocked = [[
    os.execute("mkfifo " .. LOG)
    for _ = 1, 2 do pool:submit("fixtures.gate:wait", LOG) end
    wait_started(2)
  ]],
  queueing = [[
    for _ = 1, 50 do
      pool:submit("fixtures.gate:sleep", LOG, 60):on_done(function()
        io.stderr:write("a callback ran\n")
      end)
    end
    wait_started(2)
  ]],
}

-- How the script ends, and with which code.
local ENDINGS = {
  ["by falling off the end"] = { "", 0 },
  ["by an error"] = { "error('this is the end', 0)", 1 },
  ["by os.exit(3)"] = { "os.exit(3)", 3 },
  ["by os.exit(3, true)"] = { "os.exit(3, true)", 3 },
  ["by an error in a coroutine"] = {
    "coroutine.wrap(function() error('this is the end', 0) end)()", 1,
  },
}

local HEAD = [[
  local tandem = require "tandem"
  local LOG = os.getenv("SPEC_LOG")
  local new_pool = tandem[os.getenv("SPEC_KIND") .. "_pool"]
  local pool = new_pool { max_workers = 2, exit_timeout = 0.2 }
  local function wait_started(n)
    for _ = 1, 6000 do
      local file = io.open(LOG .. ".started")
      local started = file and #file:read("a") or 0
      if file then file:close() end
      if started >= n then return end
      tandem.sleep(0.01)
    end
    error("the workers did not start")
  end
]]

local function run_with(kind, source)
  local mark = files.mark()
  local directory = files.directory()
  local code, out, err = run_script(HEAD .. source,
    { env = { SPEC_LOG = directory .. "/log", SPEC_KIND = kind } })
  files.remove_all(mark)
  return code, out, err
end

local function describe_endings(kind)
  local function run(source) return run_with(kind, source) end

  for how, ending in pairs(ENDINGS) do
    for what, busy in pairs(BUSY) do
      it(("%s, its workers doing this: %s"):format(how, what), function()
        local code, out, err = run(busy .. "\nio.write('last words')\n"
                                   .. ending[1])
        assert.equal(ending[2], code, err)
        assert.equal("last words", out)
        local said = err:find("this is the end", 1, true) ~= nil
        assert.equal(ending[2] == 1, said, err)
        if ending[2] ~= 1 then assert.equal("", err) end
        assert.is_nil(err:find("a callback ran", 1, true))
      end)
    end
  end

  it("with a pool in a <close> variable waits for its tasks", function()
    local code, out, err = run [[
      local closing <close> = pool
      for i = 1, 10 do pool:submit("fixtures.basic:note", LOG, i) end
      setmetatable({}, { __gc = function()
        local n = 0
        for _ in io.lines(LOG) do n = n + 1 end
        print(n)
      end })
    ]]
    assert.equal(0, code, err)
    assert.equal("10\n", out)
    assert.equal("", err)
  end)

  it("by an error out of the block of a busy pool stops its tasks", function()
    local code, _, err = run([[
      local closing <close> = pool
    ]] .. BUSY.queueing .. "error('out of the block', 0)")
    assert.equal(1, code)
    assert.matches("out of the block", err, 1, true)
  end)

  it("with pools and futures in globals, collected in any order", function()
    for _, order in ipairs { "pool future", "future pool" } do
      local lines = {}
      for name in order:gmatch("%a+") do
        lines[#lines + 1] = name == "pool"
          and "p = new_pool(2)"
          or "f = new_pool(1):submit('fixtures.basic:echo', {})"
      end
      local code, _, err = run(table.concat(lines, "\n") .. [[

        g = p:submit("fixtures.basic:echo", {})
        m = p:map("fixtures.basic:square", tandem.range(1, 1e9))
        m()
        os.exit(0, true)
      ]])
      assert.equal(0, code, err)
      assert.equal("", err)
    end
  end)

  it("may use tandem in a finalizer without harm", function()
    local code, out, err = run [[
      setmetatable({}, { __gc = function()
        print(pcall(pool.submit, pool, "fixtures.basic:echo") ~= nil)
        print(type(tostring(pool)), (pcall(tandem.poll, 0)) ~= nil)
      end })
      pool:call("fixtures.basic:echo")
      os.exit(0, true)
    ]]
    assert.equal(0, code, err)
    assert.equal("true\nstring\ttrue\n", out)
    assert.equal("", err)
  end)

  it("may submit in a finalizer after shutdown: kind 'closed'", function()
    local code, out, err = run [[
      pool:shutdown()
      setmetatable({}, { __gc = function()
        local _, e = pcall(pool.submit, pool, "fixtures.basic:echo")
        print(tandem.is_error(e, "closed"))
      end })
    ]]
    assert.equal(0, code, err)
    assert.equal("true\n", out)
    assert.equal("", err)
  end)

  it("may print from its workers to the last", function()
    local code, out, err = run [[
      local closing <close> = pool
      for i = 1, 100 do pool:submit(function(n) print("line", n) end, i) end
    ]]
    assert.equal(0, code, err)
    local count = 0
    for n in out:gmatch("line\t(%d+)\n") do count = count + tonumber(n) end
    assert.equal(5050, count)
  end)

  it("without ever having submitted has started no thread", function()
    local code, out, err = run [[
      local lfs, n = require "lfs", 0
      for name in lfs.dir("/proc/self/task") do
        if name:match("%d") then n = n + 1 end
      end
      print(n)
    ]]
    assert.equal(0, code, err)
    assert.equal("1\n", out)
  end)

  it("after its state did, leaves no pool of that state alive", function()
    local code, out, err = run [[
      for i = 1, 50 do
        local p = new_pool { max_workers = 2, exit_timeout = 1 }
        p:submit("fixtures.basic:echo", i)
        if i % 2 == 0 then p:shutdown { wait = false } end
      end
      collectgarbage()
      print("fine")
    ]]
    assert.equal(0, code, err)
    assert.equal("fine\n", out)
    assert.equal("", err)
  end)
end

for _, kind in ipairs { "thread", "process" } do
  describe("a script with a " .. kind .. " pool that ends", function()
    describe_endings(kind)
  end)
end
