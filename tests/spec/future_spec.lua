--- Futures: their states, what they give, and how long they wait.
local check = require "spec.support.check"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local tandem = require "tandem"

local NO_TIME = { 0, -1, -math.huge, math.mininteger }
local FOR_EVER = { math.huge, 1e10, 1e300, math.maxinteger }

describe("a finished future", function()
  for_each_pool(function(new_pool)
    it("gives the result of its task", function()
      local f = new_pool(1):submit("fixtures.basic:pow", 2, 8)
      assert.equal(256.0, f:result())
    end)

    it("gives all results, and no more of them", function()
      local pool = new_pool(1)
      local rows = {
        { n = 0 },
        { n = 1, nil },
        { n = 2, "hello", 200 },
        { n = 3, 1, nil, nil },
        { n = 4, nil, nil, 3, nil },
      }
      for _, row in ipairs(rows) do
        local f = pool:submit("fixtures.basic:echo",
                              table.unpack(row, 1, row.n))
        assert.same(row, table.pack(f:result()))
      end
    end)

    it("tells no result from a nil one", function()
      local pool = new_pool(1)
      local none = pool:submit("fixtures.basic:nothing")
      local one = pool:submit("fixtures.basic:always_nil")
      assert.equal(0, select("#", none:result()))
      assert.equal(1, select("#", one:result()))
    end)

    it("gives the very same table each time", function()
      local f = new_pool(1):submit("fixtures.basic:echo", { 1, 2 })
      local first = f:result()
      assert.same({ 1, 2 }, first)
      assert.is_true(rawequal(first, f:result()))
    end)

    it("takes any number as a timeout", function()
      local f = new_pool(1):submit("fixtures.basic:add", 1, 2)
      assert.is_true(f:wait(check.BOUND))
      for _, list in ipairs { NO_TIME, FOR_EVER } do
        for _, timeout in ipairs(list) do
          assert.equal(3, f:result(timeout))
          assert.is_true(f:wait(timeout))
        end
      end
    end)

    it("is done, or failed", function()
      local pool = new_pool(1)
      local good = pool:submit("fixtures.basic:echo")
      local bad = pool:submit("fixtures.failing:boom")
      assert.is_true(good:wait(check.BOUND))
      assert.is_true(bad:wait(check.BOUND))
      assert.equal("done", good:status())
      assert.equal("failed", bad:status())
      assert.is_true(good:done())
      assert.is_true(bad:done())
    end)

    it("has no error when it is done", function()
      local f = new_pool(1):submit("fixtures.basic:echo", "fine")
      assert.is_nil(f:error(check.BOUND))
    end)

    it("has an error and the worker's traceback when it failed", function()
      local f = new_pool(1):submit("fixtures.failing:raise", "oh")
      local err, traceback = f:error(check.BOUND)
      assert.equal("oh", err)
      assert.matches("stack traceback", traceback, 1, true)
      assert.matches("failing.lua", traceback, 1, true)
    end)

    it("raises its error each time", function()
      local f = new_pool(1):submit("fixtures.failing:raise", "again")
      for _ = 1, 2 do assert.equal("again", check.raises(f.result, f)) end
    end)

    it("tells its state as a string", function()
      local pool = new_pool(1)
      local good = pool:submit("fixtures.basic:echo")
      local bad = pool:submit("fixtures.failing:boom")
      good:wait(check.BOUND)
      bad:wait(check.BOUND)
      pool:shutdown()
      assert.matches("[Ff]uture.*done", tostring(good))
      assert.matches("[Ff]uture.*failed", tostring(bad))
    end)

    it("has no unknown fields, takes none, and hides its metatable", function()
      local f = new_pool(1):submit("fixtures.basic:echo")
      assert.is_nil(f.nosuch)
      assert.is_nil(f[1])
      check.raises(function() f.x = 1 end)
      check.raises(function() f.result = print end)
      assert.is_not.equal("table", type(getmetatable(f)))
    end)

    it("outlives its pool", function()
      local pool = new_pool(1)
      local good = pool:submit("fixtures.basic:echo", { "kept" })
      local bad = pool:submit("fixtures.failing:raise", "kept too")
      pool:shutdown()
      pool = nil -- luacheck: ignore
      collectgarbage()
      assert.same({ "kept" }, good:result())
      assert.equal("kept too", bad:error())
    end)

    it("serves several coroutines", function()
      local f = new_pool(1):submit("fixtures.basic:echo", "shared")
      local function ask() return f:result() end
      for _ = 1, 2 do assert.equal("shared", coroutine.wrap(ask)()) end
      assert.equal("shared", f:result())
    end)

    it("tells where, when and how it ran", function()
      local f = new_pool(1):submit("fixtures.basic:repeated", ("x"):rep(999), 2)
      f:result()
      local info = f:info()
      assert.equal("fixtures.basic:repeated", info.task)
      assert.is_not_nil(info.worker)
      assert.is_true(info.queued <= info.started)
      assert.is_true(info.started <= info.finished)
      assert.is_true(info.finished <= tandem.now())
      assert.is_true(info.cpu >= 0)
      assert.is_true(info.bytes_in >= 999)
      assert.is_true(info.bytes_out >= 2 * 999)
      assert.equal(1, info.attempt)
    end)
  end)
end)

describe("a future that is not finished", function()
  for_each_pool(function(new_pool)
    -- One future that runs, held by the gate, and one behind it.
    local function running_and_pending()
      local pool, gate = new_pool(1), gates.new()
      local running = pool:submit("fixtures.gate:wait", gate.path, "first")
      local pending = pool:submit("fixtures.basic:echo", "second")
      gate:wait_started(1)
      return running, pending, gate, pool
    end

    it("is pending, then running, then done", function()
      local running, pending, gate = running_and_pending()
      assert.equal("running", running:status())
      assert.equal("pending", pending:status())
      assert.is_false(running:done())
      assert.is_false(pending:done())
      gate:open()
      assert.equal("second", pending:result(check.BOUND))
      assert.equal("first", running:result())
      assert.equal("done", running:status())
      assert.equal("done", pending:status())
    end)

    it("never goes back to an earlier state", function()
      local pool, gate = new_pool(1), gates.new()
      local order = { pending = 1, running = 2, done = 3 }
      local futures = {}
      for i = 1, 20 do
        futures[i] = pool:submit("fixtures.gate:wait", gate.path)
      end
      gate:open()
      local seen, finished = {}, 0
      local deadline = tandem.now() + check.BOUND
      while finished < #futures and tandem.now() < deadline do
        finished = 0
        for i, f in ipairs(futures) do
          local rank = assert(order[f:status()], f:status())
          assert.is_true(rank >= (seen[i] or 1))
          seen[i] = rank
          if rank == 3 then finished = finished + 1 end
        end
      end
      assert.equal(#futures, finished)
    end)

    it("polls with no time, or less", function()
      local running, pending = running_and_pending()
      for _, timeout in ipairs(NO_TIME) do
        for _, f in ipairs { running, pending } do
          assert.is_false(f:wait(timeout))
          check.kind("timeout", f.result, f, timeout)
          check.kind("timeout", f.error, f, timeout)
        end
      end
      assert.equal("running", running:status())
      assert.equal("pending", pending:status())
    end)

    it("waits no less than it was told, and stays valid", function()
      local running, _, gate = running_and_pending()
      local before = tandem.now()
      local err = check.kind("timeout", running.result, running, 0.05)
      assert.is_true(tandem.now() - before >= 0.05)
      assert.is_true(err.waited >= 0.05)
      before = tandem.now()
      assert.is_false(running:wait(0.05))
      assert.is_true(tandem.now() - before >= 0.05)
      gate:open()
      assert.equal("first", running:result(check.BOUND))
    end)

    it("wakes the one who waits, however long it would", function()
      for _, timeout in ipairs(FOR_EVER) do
        local running, _, gate = running_and_pending()
        gate:open_later(0.02)
        assert.equal("first", running:result(timeout))
      end
    end)

    it("wakes the one who waits without a timeout", function()
      local running, pending, gate = running_and_pending()
      gate:open_later(0.02)
      assert.is_true(pending:wait())
      assert.equal("first", running:result())
    end)

    it("wakes the one who waits when it fails", function()
      local pool, gate = new_pool(1), gates.new()
      local f = pool:submit("fixtures.gate:fail", gate.path, "late")
      gate:wait_started(1)
      gate:open_later(0.02)
      assert.equal("late", f:error())
    end)

    it("wakes the one who waits when it is cancelled", function()
      local pool, first, second = new_pool(1), gates.new(), gates.new()
      local canceller = pool:submit("fixtures.gate:wait", first.path)
      pool:submit("fixtures.gate:wait", second.path)
      local pending = pool:submit("fixtures.basic:echo")
      first:wait_started(1)
      canceller:on_done(function() pending:cancel() end)
      first:open_later(0.02)
      check.kind("cancelled", pending.result, pending, check.BOUND)
      assert.equal("cancelled", pending:status())
    end)

    it("tells its state as a string", function()
      local running, pending = running_and_pending()
      assert.matches("[Ff]uture.*running", tostring(running))
      assert.matches("[Ff]uture.*pending", tostring(pending))
      pending:cancel()
      assert.matches("[Ff]uture.*cancelled", tostring(pending))
    end)

    it("has been queued, but neither started nor finished", function()
      local running, pending = running_and_pending()
      local info = pending:info()
      assert.equal("fixtures.basic:echo", info.task)
      assert.is_true(info.queued <= tandem.now())
      assert.is_nil(info.started)
      assert.is_nil(info.finished)
      assert.is_nil(running:info().finished)
    end)

    it("does not mind that another pool is shut down", function()
      local running, pending, gate = running_and_pending()
      local other = new_pool(2)
      assert.equal(1, other:call("fixtures.basic:echo", 1))
      other:shutdown()
      gate:open()
      assert.equal("first", running:result(check.BOUND))
      assert.equal("second", pending:result(check.BOUND))
    end)

    it("can be forgotten: its task runs all the same", function()
      local pool, gate = new_pool(1), gates.new()
      pool:submit("fixtures.gate:wait", gate.path)
      gate:wait_started(1)
      for _ = 1, 10 do pool:submit("fixtures.gate:pass_by", gate.path) end
      collectgarbage()
      collectgarbage()
      gate:open()
      gate:wait_started(11)
    end)
  end, { concurrent = true })
end)
