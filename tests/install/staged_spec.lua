--- What runs here is what was installed, and nothing else.
local processes = require "spec.support.processes"
local stage = require "spec.support.stage"
local lfs = require "lfs"
local tandem = require "tandem"

local share = stage.root .. "/usr/share/lua/5.4"

describe("the staged tree", function()
  it("is where all modules come from", function()
    local function assert_found(expected, name, path)
      assert.equal(expected, package.searchpath(name, path))
    end
    assert_found(share .. "/tandem/init.lua", "tandem", package.path)
    assert_found(share .. "/tandem_cli/main.lua", "tandem_cli.main",
                 package.path)
    assert_found(share .. "/tandem_cli/tasks/primes.lua", "tasks.primes",
                 package.path)
    assert_found(stage.root .. stage.lib .. "/tandem/core.so", "tandem.core",
                 package.cpath)
  end)

  it("is all that is in reach", function()
    for _, place in ipairs { package.path, package.cpath, lfs.currentdir() } do
      assert.is_nil((place .. "/"):find(stage.source .. "/", 1, true), place)
    end
  end)

  it("has the program of the worker processes", function()
    local pool <close> = tandem.process_pool(1)
    local pid = pool:call(function()
      local file <close> = io.open("/proc/self/stat")
      return math.tointeger(tonumber(file:read("a"):match("^%d+")))
    end)
    assert.is_true(processes.is_alive(pid))
    assert.same({ stage.root .. stage.lib .. "/tandem/tandem-worker" },
                stage.lines(("readlink /proc/%d/exe"):format(pid)))
  end)

  it("has a command that a shell finds and runs as it is", function()
    assert.same({ stage.command }, stage.lines("command -v tandem"))
    local out, code = stage.lines(
      "unset LUA_PATH LUA_CPATH; cd /; echo 7 | "
      .. "tandem map --processes 1 tasks.primes:is_prime")
    assert.same({ "true" }, out)
    assert.equal(0, code)
  end)
end)
