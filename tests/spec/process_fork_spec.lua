--- Hosts that fork, and hosts that make pools again and again.
local check = require "spec.support.check"
local files = require "spec.support.files"
local for_each_pool = require "spec.support.pools"
local leaks = require "spec.support.leaks"
local low = require "spec.support.low"
local processes = require "spec.support.processes"
local run_script = require "spec.support.script"
local scale = require "spec.support.scale"
local tandem = require "tandem"

-- `child(fn)` forks, has the child do that, and returns how it ended. What the
-- child raises is said on stderr.
local HEAD = [[
  local tandem = require "tandem"
  local low = require "fixtures.low"
  local function child(fn)
    io.stdout:flush()
    local pid = low.fork()
    if pid ~= 0 then return low.wait(pid) end
    local ok, err = pcall(fn)
    if not ok then io.stderr:write(tostring(err), "\n") end
    io.stdout:flush()
    os.exit(ok and 42 or 1, true)
  end
  local function is_closed(pool)
    local ok, err = pcall(pool.submit, pool, "fixtures.basic:echo")
    return not ok and tandem.is_error(err, "closed")
  end
]]

local function run(source)
  local code, out, err = run_script(HEAD .. source)
  assert.equal("", err)
  assert.equal(0, code)
  return out
end

describe("a fork of a host", function()
  it("has its parent's pools closed, and makes its own", function()
    assert.equal("exit\t42\n7\n", run [[
      local pool <close> = tandem.process_pool(2)
      pool:call("fixtures.basic:echo")
      print(child(function()
        assert(is_closed(pool))
        assert(#pool:workers() == 0)
        local own <close> = tandem.process_pool(2)
        assert(own:call("fixtures.basic:add", 1, 2) == 3)
        local f = own:submit("fixtures.low:raise", "KILL")
        assert(f:error(100).kind == "crashed")
      end))
      print(pool:call("fixtures.basic:add", 3, 4))
    ]])
  end)

  it("can end in any way, and its parent's tasks go on", function()
    assert.equal("exit\t42\nexit\t3\nexit\t4\nsignal\t9\ntrue\n", run [[
      local path = os.tmpname()
      os.remove(path)
      os.execute("mkfifo " .. path)
      local pool <close> = tandem.process_pool(1)
      local f = pool:submit("fixtures.gate:wait", path, "ran")
      while f:status() ~= "running" do tandem.sleep(0.001) end
      print(child(function() end))
      print(child(function() os.exit(3) end))
      print(child(function() low.leave(4) end))
      print(child(function() low.raise("KILL") end))
      local gate <close> = io.open(path, "r+")
      print(f:result(100) == "ran")
      os.remove(path)
      os.remove(path .. ".started")
    ]])
  end)

  it("cannot shut down its parent's pool, nor kill in it", function()
    assert.equal("exit\t42\nran\n", run [[
      local path = os.tmpname()
      os.remove(path)
      os.execute("mkfifo " .. path)
      local pool <close> = tandem.process_pool(1)
      local f = pool:submit("fixtures.gate:wait", path, "ran")
      while f:status() ~= "running" do tandem.sleep(0.001) end
      print(child(function()
        pcall(f.cancel, f, "kill")
        pcall(pool.cancel_pending, pool)
        pcall(pool.shutdown, pool, { kill = true, timeout = 1 })
        pcall(pool.resize, pool, 1)
        assert(type(tostring(pool)) == "string")
        collectgarbage()
      end))
      local gate <close> = io.open(path, "r+")
      print(f:result(100))
      os.remove(path)
      os.remove(path .. ".started")
    ]])
  end)

  it("may fork again, and again", function()
    assert.equal("exit\t42\n", run [[
      local pool <close> = tandem.process_pool(1)
      pool:call("fixtures.basic:echo")
      local function level(n)
        local own <close> = tandem.process_pool(1)
        assert(own:call("fixtures.basic:add", n, 1) == n + 1)
        if n == 0 then return end
        local how, code = child(function() level(n - 1) end)
        assert(how == "exit" and code == 42)
        assert(is_closed(pool))
        assert(own:call("fixtures.basic:add", n, 2) == n + 2)
      end
      print(child(function() level(3) end))
    ]])
  end)

  it("may have been before the first pool", function()
    assert.equal("exit\t42\n5\n", run [[
      print(child(function()
        local own <close> = tandem.process_pool(1)
        assert(own:call("fixtures.basic:add", 1, 2) == 3)
      end))
      local pool <close> = tandem.process_pool(1)
      print(pool:call("fixtures.basic:add", 2, 3))
    ]])
  end)

  it("that lives on does not keep its parent's workers alive", function()
    local name = ("forked%d"):format(processes.own_pid())
    local directory = files.directory()
    local code, out = run_script(HEAD .. ([[
      local pool = tandem.process_pool { max_workers = 2, name = %q }
      for _ = 1, 2 do pool:submit("fixtures.gate:loop", %q) end
      while pool:stats().running < 2 do tandem.sleep(0.001) end
      local pid = low.fork()
      if pid == 0 then
        require("socket").sleep(300)
        low.leave(0)
      end
      print(pid)
      io.stdout:flush()
      low.raise("KILL")
    ]]):format(name, directory .. "/gate"))
    local forked = tonumber(out)
    finally(function()
      low.kill(forked, "KILL")
      files.remove_all()
    end)
    assert.equal(137, code)
    assert.is_true(processes.is_alive(forked))
    for _, process in ipairs(processes.titled("tandem: " .. name)) do
      processes.wait_gone(process.pid)
    end
    assert.is_true(processes.is_alive(forked))
  end)
end)

describe("pools of processes, made again and again", function()
  for_each_pool(function(new_pool)
    it("leave nothing behind", function()
      local baseline = leaks.baseline()
      for i = 1, scale.down(100) do
        local pool <close> = new_pool(2, "loose")
        local f = pool:submit("fixtures.basic:echo", i)
        if i % 2 == 0 then pool:submit("fixtures.failing:boom") end
        assert.equal(i, f:result(check.BOUND))
        assert.is_true(pool:shutdown())
      end
      leaks.assert_none(baseline)
    end)

    it("leave nothing behind, whatever ended them", function()
      local baseline = leaks.baseline()
      for i = 1, scale.down(40) do
        local pool = new_pool({ max_workers = 2, exit_timeout = 0.1 }, "loose")
        pool:submit("fixtures.basic:echo", i)
        local f = pool:submit("fixtures.crash:item", -i)
        if i % 4 == 1 then
          pool:shutdown { kill = true }
        elseif i % 4 == 2 then
          assert.is_true(f:wait(check.BOUND))
          pool:shutdown { wait = false }
        elseif i % 4 == 3 then
          pool:shutdown { cancel_pending = true }
        end
      end
      collectgarbage()
      leaks.assert_none(baseline)
    end)

    it("may be many at a time", function()
      local pools, futures = {}, {}
      for i = 1, 10 do
        pools[i] = new_pool(2)
        futures[i] = pools[i]:submit("fixtures.basic:echo", i)
      end
      for i, f in ipairs(futures) do
        assert.equal(i, f:result(check.BOUND))
      end
      assert.equal(10, #processes.zygotes())
      check.same_members(futures, (tandem.wait(futures)))
    end)
  end, { kind = "process" })
end)
