--- Deaths of workers, and what becomes of the pool and of the other tasks.
local check = require "spec.support.check"
local files = require "spec.support.files"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local low = require "spec.support.low"
local processes = require "spec.support.processes"
local scale = require "spec.support.scale"
local tandem = require "tandem"

-- Hold all workers of the pool at once; their pids.
local function pids_of_all(pool, n)
  local gate, futures, pids = gates.new(), {}, {}
  for i = 1, n do futures[i] = pool:submit("fixtures.gate:wait", gate.path) end
  gate:wait_started(n)
  for i, row in ipairs(pool:workers()) do pids[i] = row.pid end
  gate:open()
  tandem.wait(futures, { timeout = check.BOUND })
  return pids
end

describe("a death", function()
  for_each_pool(function(new_pool)
    it("is seen", function()
      local pool, gate = new_pool(1), gates.new()
      local f = pool:submit("fixtures.gate:wait", gate.path)
      gate:wait_started(1)
      low.kill(pool:workers()[1].pid, "KILL")
      check.kind("crashed", f.result, f, check.BOUND)
    end)

    it("ends what the task had started, too", function()
      local pool, gate = new_pool(1), gates.new()
      local f = pool:submit("fixtures.crash:wait_for_child", gate.path)
      local child = check.eventually(function()
        return tonumber(files.read(gate.path .. ".pid"))
      end, "a child of the worker")
      finally(function() low.kill(child, "KILL") end)
      low.kill(pool:workers()[1].pid, "KILL")
      check.kind("crashed", f.result, f, check.BOUND)
      processes.wait_gone(child)
    end)

    it("leaves a thousand tasks the results that they have", function()
      local pool, futures = new_pool(4), {}
      local n = scale.slow and 200 or 1000
      for i = 1, n do
        futures[i] = pool:submit("fixtures.crash:item", i % 50 == 0 and -i or i)
      end
      local counts = { done = 0, failed = 0 }
      for i, f in ipairs(futures) do
        assert.is_true(f:wait(check.BOUND))
        counts[f:status()] = counts[f:status()] + 1
        if i % 50 == 0 then
          check.kind("crashed", f.result, f)
        else
          assert.equal(i * 10, f:result())
        end
      end
      assert.same({ done = n - n // 50, failed = n // 50 }, counts)
      assert.equal(n // 50, pool:stats().restarts)
    end)

    it("of all workers at once, by each other, ends their tasks", function()
      for _, n in ipairs { 1, 2, 5 } do
        local pool = new_pool(n)
        local pids, futures = pids_of_all(pool, n), {}
        assert.equal(n, #pids)
        for i = 1, n do
          futures[i] = pool:submit("fixtures.crash:kill_others", pids)
        end
        for _, f in ipairs(futures) do
          assert.is_true(f:wait(check.BOUND))
          if f:status() == "failed" then
            check.kind("crashed", f.result, f)
          end
        end
        assert.equal("on", pool:call("fixtures.basic:echo", "on"))
      end
    end)

    it("is told to callbacks, which may submit the next one", function()
      local pool, told = new_pool(1), {}
      local function die(left)
        pool:call("fixtures.basic:echo")
        pool:submit("fixtures.crash:run", "SIGKILL"):on_done(function(f)
          told[#told + 1] = f:error().kind
          if left > 1 then die(left - 1) end
        end)
      end
      die(3)
      check.eventually(function()
        tandem.poll(0.01)
        return #told == 3
      end, "three callbacks")
      assert.same({ "crashed", "crashed", "crashed" }, told)
    end)

    it("is told to futures whose pool is collected", function()
      local gate = gates.new()
      local function submit()
        local pool = new_pool({ max_workers = 1, exit_timeout = check.BOUND },
                              "loose")
        local f = pool:submit("fixtures.gate:wait", gate.path)
        gate:wait_started(1)
        return f, pool:workers()[1].pid
      end
      local f, pid = submit()
      collectgarbage()
      collectgarbage()
      low.kill(pid, "KILL")
      local err = f:error(check.BOUND)
      assert.is_true(tandem.is_error(err))
      processes.wait_gone(pid)
    end)

    it("after shutdown began does not hold that up", function()
      local pool, gate = new_pool(1), gates.new()
      local f = pool:submit("fixtures.gate:wait", gate.path)
      local behind = pool:submit("fixtures.basic:echo", "behind")
      gate:wait_started(1)
      pool:shutdown { wait = false }
      low.kill(pool:workers()[1].pid, "KILL")
      check.kind("crashed", f.result, f, check.BOUND)
      assert.equal("behind", behind:result(check.BOUND))
      assert.is_true(pool:shutdown { timeout = check.BOUND })
    end)
  end, { kind = "process" })
end)

describe("three workers in a row that die before they finish a task", function()
  for_each_pool(function(new_pool)
    it("break the pool, and all that is pending fails", function()
      local pool, gate, futures = new_pool(1), gates.new(), {}
      for i = 1, 3 do
        futures[i] = pool:submit("fixtures.crash:run_at", gate.path, "SIGSEGV")
      end
      for i = 4, 8 do futures[i] = pool:submit("fixtures.basic:echo", i) end
      gate:open()
      for i, f in ipairs(futures) do
        local err = check.kind("crashed", f.result, f, check.BOUND)
        assert.equal("SIGSEGV", err.signal)
        assert.equal(i > 3, err.message:find("three workers in a row", 1, true)
                            ~= nil, err.message)
      end
      local err = check.kind("crashed", pool.submit, pool,
                             "fixtures.basic:echo")
      assert.matches("three workers in a row", err.message, 1, true)
      assert.equal("SIGSEGV", err.signal)
      assert.equal(8, pool:stats().failed)
      assert.is_true(pool:shutdown { timeout = check.BOUND })
      assert.equal("new", new_pool(1):call("fixtures.basic:echo", "new"))
    end)

    it("are not in a row when a task was finished in between", function()
      local pool = new_pool(1)
      for i = 1, 4 do
        local bad = {}
        for k = 1, 2 do
          bad[k] = pool:submit("fixtures.crash:run", "os.exit(3)")
        end
        assert.equal(i, pool:submit("fixtures.basic:echo", i)
          :result(check.BOUND))
        for _, f in ipairs(bad) do check.kind("crashed", f.result, f) end
      end
    end)

    it("are not counted where we have killed them", function()
      local pool = new_pool(1)
      for _ = 1, 5 do
        local gate = gates.new()
        local f = pool:submit("fixtures.gate:wait", gate.path)
        gate:wait_started(1)
        assert.is_true(f:cancel("kill"))
      end
      assert.equal("on", pool:call("fixtures.basic:echo", "on"))
    end)
  end, { kind = "process" })
end)

describe("a zygote that dies", function()
  for_each_pool(function(new_pool)
    local function kill_zygote()
      local zygote = processes.zygotes()[1]
      low.kill(zygote.pid, "KILL")
      processes.wait_gone(zygote.pid)
      return zygote.pid
    end

    it("is not missed by the workers that are there", function()
      local pool, gate = new_pool(1), gates.new()
      local f = pool:submit("fixtures.gate:wait", gate.path, "ran")
      gate:wait_started(1)
      local pid = pool:workers()[1].pid
      kill_zygote()
      gate:open()
      assert.equal("ran", f:result(check.BOUND))
      for i = 1, 10 do
        local other, value = pool:call("fixtures.crash:innocent", i)
        assert.equal(pid, other)
        assert.equal(i, value)
      end
    end)

    it("is replaced when a worker is to be started", function()
      local pool = new_pool(1)
      for i = 1, 5 do
        local pid, value = pool:call("fixtures.crash:innocent", i)
        assert.equal(i, value)
        local old = kill_zygote()
        check.kind("crashed", pool.call, pool, "fixtures.crash:run", "SIGKILL")
        local other = pool:call("fixtures.crash:innocent")
        assert.is_not.equal(pid, other)
        local parent = processes.look(other).parent
        assert.is_not.equal(old, parent)
        assert.equal(parent, processes.zygotes()[1].pid)
      end
    end)

    it("is replaced before the first of its workers, too", function()
      local pool, gate = new_pool(2), gates.new()
      local first = pool:submit("fixtures.gate:wait", gate.path, 1)
      gate:wait_started(1)
      kill_zygote()
      assert.equal(2, pool:submit("fixtures.basic:echo", 2)
        :result(check.BOUND))
      gate:open()
      assert.equal(1, first:result(check.BOUND))
    end)

    it("leaves deaths of its workers to be seen", function()
      local pool, gate = new_pool(1), gates.new()
      local f = pool:submit("fixtures.gate:wait", gate.path)
      gate:wait_started(1)
      local pid = pool:workers()[1].pid
      kill_zygote()
      low.kill(pid, "KILL")
      local err = check.kind("crashed", f.result, f, check.BOUND)
      assert.equal(pid, err.pid)
      assert.is_true(#tostring(err) > 0)
      assert.equal("on", pool:call("fixtures.basic:echo", "on"))
    end)

    it("or is stopped does not hold up shutdown{kill=true}", function()
      local pool, gate = new_pool(2), gates.new()
      pool:submit("fixtures.gate:wait", gate.path)
      gate:wait_started(1)
      low.kill(processes.zygotes()[1].pid, "STOP")
      local f = pool:submit("fixtures.basic:echo")
      assert.is_true(pool:shutdown { kill = true, timeout = check.BOUND })
      assert.equal("cancelled", f:status())
    end)
  end, { kind = "process" })
end)
