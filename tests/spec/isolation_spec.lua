--- Workers share nothing, and take tasks in order.
local check = require "spec.support.check"
local files = require "spec.support.files"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local processes = require "spec.support.processes"

describe("a worker", function()
  for_each_pool(function(new_pool)
    it("has globals of its own", function()
      rawset(_G, "set_by_the_host", "host")
      local pool = new_pool(1)
      assert.is_nil(pool:call("fixtures.state:get_global", "set_by_the_host"))
      rawset(_G, "set_by_the_host", nil)
      pool:call("fixtures.state:set_global", "set_by_the_task", "task")
      assert.is_nil(rawget(_G, "set_by_the_task"))
    end)

    it("keeps its globals from task to task", function()
      local pool = new_pool(1)
      pool:call("fixtures.state:set_global", "kept", { 1 })
      assert.same({ 1 }, pool:call("fixtures.state:get_global", "kept"))
    end)

    it("shares no globals with the workers of another pool", function()
      local one, other = new_pool(1), new_pool(1)
      one:call("fixtures.state:set_global", "private", 1)
      assert.is_nil(other:call("fixtures.state:get_global", "private"))
    end)

    it("has its modules for itself", function()
      local pool = new_pool(1)
      local basic = require "fixtures.basic"
      local before = basic.calls()
      assert.equal(1, pool:call("fixtures.basic:calls"))
      assert.equal(before + 1, basic.calls())
    end)

    it("has its collector running, whatever a task did to it", function()
      local pool = new_pool(1)
      pool:call("fixtures.state:stop_collector")
      assert.is_true(pool:call("fixtures.state:collector_runs"))
      assert.is_true(collectgarbage("isrunning"))
    end)

    it("runs tasks in the order of their submits", function()
      local pool, log = new_pool(1), files.directory() .. "/log"
      for i = 1, 100 do pool:submit("fixtures.basic:note", log, i) end
      pool:shutdown()
      for i, line in ipairs(files.lines(log)) do
        assert.equal(tostring(i), line)
      end
      assert.equal(100, #files.lines(log))
    end)
  end)

  for_each_pool(function(new_pool, kind)
    it("is used again before another one is started", function()
      local pool = new_pool(8)
      for i = 1, 20 do
        assert.equal(i, pool:call("fixtures.basic:calls"))
      end
      assert.equal(1, #pool:workers())
    end)

    -- A pool of processes has one thread of ours, that looks after them.
    local function count()
      local threads = files.count("/proc/self/task")
      if kind == "thread" then return threads, 0 end
      return threads - 1, #processes.workers()
    end

    it("is one of so many, and not one more", function()
      local pool, gate = new_pool(3), gates.new()
      local threads = files.count("/proc/self/task")
      local futures = {}
      for i = 1, 45 do
        futures[i] = pool:submit("fixtures.gate:wait", gate.path, i)
      end
      gate:wait_started(3)
      local threads_now, processes_now = count()
      assert.equal(3, threads_now - threads + processes_now)
      if kind == "process" then assert.equal(3, processes_now) end
      assert.equal(3, #pool:workers())
      assert.equal(3, gate:started())
      gate:open()
      for i, f in ipairs(futures) do
        assert.equal(i, f:result(check.BOUND))
      end
      assert.equal(3, #pool:workers())
    end)

    it("has random numbers of its own", function()
      local pool, gate, futures = new_pool(16), gates.new(), {}
      for i = 1, 16 do
        futures[i] = pool:submit("fixtures.gate:random", gate.path)
      end
      gate:wait_started(16)
      gate:open()
      local seen = {}
      for _, f in ipairs(futures) do
        local first = f:result(check.BOUND)
        assert.is_nil(seen[first])
        seen[first] = true
      end
    end)

    it("does not hold up the others while it is busy", function()
      local pool, gate = new_pool(2), gates.new()
      pool:submit("fixtures.gate:wait", gate.path)
      gate:wait_started(1)
      for i = 1, 100 do
        assert.equal(i, pool:submit("fixtures.basic:echo", i)
          :result(check.BOUND))
      end
    end)

    it("leaves no task behind a long one, however short they were", function()
      local pool, gate = new_pool(2), gates.new()
      for i = 1, 1000 do pool:submit("fixtures.basic:square", i) end
      pool:submit("fixtures.gate:wait", gate.path)
      local futures = {}
      for i = 1, 50 do
        futures[i] = pool:submit("fixtures.basic:echo", i)
      end
      for i, f in ipairs(futures) do
        assert.equal(i, f:result(check.BOUND))
      end
    end)
  end, { concurrent = true })
end)
