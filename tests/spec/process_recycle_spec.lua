--- Worker processes that are replaced after so many tasks, and large payloads.
local check = require "spec.support.check"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local low = require "spec.support.low"
local processes = require "spec.support.processes"
local scale = require "spec.support.scale"
local tandem = require "tandem"

describe("max_tasks_per_worker of processes", function()
  for_each_pool(function(new_pool)
    it("ends a worker after so many tasks, and not before", function()
      local pool = new_pool { max_workers = 1, max_tasks_per_worker = 3 }
      local pids = {}
      for i = 1, 7 do pids[i] = pool:call("fixtures.low:getpid") end
      for i = 1, 7 do
        local first = pids[(i - 1) // 3 * 3 + 1]
        assert.equal(first, pids[i])
      end
      assert.is_not.equal(pids[3], pids[4])
      assert.is_not.equal(pids[6], pids[7])
      -- One that has nearly done its share may have its heir beside it.
      check.eventually(function()
        return pool:stats().restarts == 2 and #pool:workers() == 1
          and #processes.workers() <= 2
      end, "two restarts, and one worker")
      assert.equal(7, pool:stats().done)
      assert.equal(0, pool:stats().failed)
    end)

    it("loses no result, with many workers", function()
      local pool = new_pool { max_workers = 3, max_tasks_per_worker = 10 }
      local futures, pids, count = {}, {}, 0
      for i = 1, 100 do
        futures[i] = pool:submit("fixtures.crash:innocent", i)
      end
      for i, f in ipairs(futures) do
        local pid, value = f:result(check.BOUND)
        assert.equal(i, value)
        pids[pid] = (pids[pid] or 0) + 1
      end
      for _, n in pairs(pids) do
        assert.is_true(n <= 10)
        count = count + 1
      end
      assert.is_true(count >= 10)
    end)

    it("of 1 gives each task a process of its own", function()
      local pool = new_pool { max_workers = 3, max_tasks_per_worker = 1 }
      local futures, seen = {}, {}
      for i = 1, 30 do
        futures[i] = pool:submit("fixtures.crash:innocent", i)
      end
      assert.is_true(pool:shutdown { timeout = check.BOUND })
      for i, f in ipairs(futures) do
        local pid, value = f:result(0)
        assert.equal(i, value)
        assert.is_nil(seen[pid])
        seen[pid] = true
      end
    end)

    it("lets a shutdown end that does not wait", function()
      local pool = new_pool { max_workers = 2, max_tasks_per_worker = 1 }
      local futures = {}
      for i = 1, 10 do
        futures[i] = pool:submit(i % 2 == 0 and "fixtures.basic:echo"
                                 or "fixtures.failing:raise", i)
      end
      pool:shutdown { wait = false }
      for i, f in ipairs(futures) do
        assert.is_true(f:wait(check.BOUND))
        assert.equal(i % 2 == 0 and "done" or "failed", f:status())
      end
      assert.is_true(pool:shutdown { timeout = check.BOUND })
    end)

    it("goes on while tasks die", function()
      local pool = new_pool { max_workers = 2, max_tasks_per_worker = 3 }
      local futures = {}
      for i = 1, 60 do
        futures[i] = pool:submit("fixtures.crash:item", i % 6 == 0 and -i or i)
      end
      for i, f in ipairs(futures) do
        if i % 6 == 0 then
          check.kind("crashed", f.result, f, check.BOUND)
        else
          assert.equal(i * 10, f:result(check.BOUND))
        end
      end
    end)

    it("stops at a kill", function()
      local pool, gate = new_pool { max_workers = 2, max_tasks_per_worker = 1 },
                         gates.new()
      local futures = {}
      for i = 1, 20 do
        futures[i] = pool:submit("fixtures.gate:pass_by", gate.path, i)
      end
      gate:wait_started(2)
      assert.is_true(pool:shutdown { kill = true, timeout = check.BOUND })
      for i, f in ipairs(futures) do
        assert.is_true(f:done())
        if f:status() == "done" then assert.equal(i, f:result()) end
      end
    end)
  end, { kind = "process" })
end)

local LARGE = scale.down(64) << 20

describe("a large payload of a process", function()
  for_each_pool(function(new_pool)
    it("travels both ways at once", function()
      local pool, futures = new_pool(2), {}
      local texts = { ("a"):rep(LARGE), ("b"):rep(LARGE) }
      for i, text in ipairs(texts) do
        futures[i] = pool:submit("fixtures.basic:echo", text)
      end
      for i, f in ipairs(futures) do
        assert.is_true(texts[i] == f:result(check.BOUND))
      end
    end)

    it("need not be read before a shutdown", function()
      local pool, futures = new_pool(2), {}
      for i = 1, 20 do
        futures[i] = pool:submit("fixtures.basic:repeated", "xyz", 1 << 20)
      end
      assert.is_true(pool:shutdown { timeout = check.BOUND })
      assert.equal(3 << 20, #futures[1]:result(0))
      assert.equal(3 << 20, #futures[20]:result(0))
    end)

    it("need not be read at all", function()
      local pool = new_pool(2)
      for _ = 1, 10 do
        pool:submit("fixtures.basic:repeated", "xyz", 1 << 20)
      end
      collectgarbage()
      assert.is_true(pool:shutdown { timeout = check.BOUND })
    end)

    it("outlives its pool, whole", function()
      local f
      do
        local pool <close> = new_pool(1, "loose")
        f = pool:submit("fixtures.basic:repeated", "xyz", 1 << 20)
      end
      collectgarbage()
      assert.is_true(("xyz"):rep(1 << 20) == f:result(0))
    end)

    it("is given back when its worker dies", function()
      local pool, text = new_pool(1), ("x"):rep(2 << 20)
      for _ = 1, 10 do
        pool:call("fixtures.basic:echo")
        local f = pool:submit("fixtures.crash:at_first", 1, "SIGKILL", text)
        check.kind("crashed", f.result, f, check.BOUND)
      end
      assert.equal(#text, (pool:call("fixtures.results:bytes", text)))
    end)

    it("is whole though its worker is killed right after", function()
      local pool = new_pool(1)
      for _ = 1, 10 do
        local f = pool:submit("fixtures.crash:innocent", ("x"):rep(1 << 20))
        assert.is_true(f:wait(check.BOUND))
        low.kill(pool:workers()[1].pid, "KILL")
        local _, text = f:result()
        assert.is_true(("x"):rep(1 << 20) == text)
      end
    end)

    it("may wait in a queue longer than the shared one", function()
      local pool, gate = new_pool(2), gates.new()
      local n = scale.down(10000)
      for _ = 1, 2 do pool:submit("fixtures.gate:wait", gate.path) end
      gate:wait_started(2)
      local futures = {}
      for i = 1, n do futures[i] = pool:submit("fixtures.basic:echo", i) end
      assert.equal(n, pool:stats().pending)
      gate:open()
      tandem.wait(futures, { timeout = check.BOUND })
      for i, f in ipairs(futures) do assert.equal(i, f:result(0)) end
    end)
  end, { kind = "process" })
end)
