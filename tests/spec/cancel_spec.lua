--- Cancelling what has not started.
local check = require "spec.support.check"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local memory = require "spec.support.memory"
local scale = require "spec.support.scale"
local tandem = require "tandem"

describe("cancel", function()
  for_each_pool(function(new_pool)
    it("leaves a finished future as it is", function()
      local pool = new_pool(1)
      local good = pool:submit("fixtures.basic:echo", "kept")
      local bad = pool:submit("fixtures.failing:raise", "kept too")
      tandem.wait { good, bad }
      assert.is_false(good:cancel())
      assert.is_false(bad:cancel("pending"))
      assert.equal("kept", good:result())
      assert.equal("kept too", bad:error())
      assert.equal("done", good:status())
      assert.equal("failed", bad:status())
    end)

    it("knows its modes", function()
      local f = new_pool(1):submit("fixtures.basic:echo")
      for _, bad in ipairs { "x", "", "Pending", 42, {}, true, print } do
        check.misuse_of("bad argument #1", f, "cancel", bad)
      end
      assert.is_true(f:wait(check.BOUND))
      assert.equal("done", f:status())
    end)

    it("finds nothing pending in an idle pool", function()
      local pool = new_pool(1)
      pool:call("fixtures.basic:echo")
      assert.equal(0, pool:cancel_pending())
    end)
  end)

  for_each_pool(function(new_pool)
    -- A pool whose one worker is held by the gate.
    local function busy_pool()
      local pool, gate = new_pool(1), gates.new()
      local running = pool:submit("fixtures.gate:wait", gate.path, "ran")
      gate:wait_started(1)
      return pool, gate, running
    end

    it("ends a pending future at once, and its task never runs", function()
      local pool, gate = busy_pool()
      local f = pool:submit("fixtures.gate:pass_by", gate.path)
      assert.is_true(f:cancel())
      assert.equal("cancelled", f:status())
      assert.is_true(f:done())
      gate:open()
      pool:shutdown()
      assert.equal(1, gate:started())
      assert.equal("cancelled", f:status())
    end)

    it("makes result raise, and error give, kind 'cancelled'", function()
      local pool = busy_pool()
      local f = pool:submit("fixtures.basic:echo")
      f:cancel()
      local err = check.kind("cancelled", f.result, f)
      assert.equal("fixtures.basic:echo", err.task)
      assert.is_true(tandem.is_error(f:error(), "cancelled"))
      for _, timeout in ipairs { 0, -1, 10, math.huge } do
        check.kind("cancelled", f.result, f, timeout)
        assert.is_true(tandem.is_error(f:error(timeout), "cancelled"))
        assert.is_true(f:wait(timeout))
      end
    end)

    it("leaves a running future alone", function()
      local _, gate, running = busy_pool()
      assert.is_false(running:cancel())
      assert.equal("running", running:status())
      gate:open()
      assert.equal("ran", running:result(check.BOUND))
    end)

    it("is true each time for a cancelled future", function()
      local pool = busy_pool()
      local f = pool:submit("fixtures.basic:echo")
      assert.is_true(f:cancel())
      assert.is_true(f:cancel())
      assert.is_true(f:cancel("pending"))
    end)

    it("can be had by all that are queued, whatever ran before", function()
      local pool = new_pool(1)
      -- Short tasks invite a worker to take several at a time.
      for i = 1, 500 do pool:submit("fixtures.basic:square", i) end
      local gate, futures, called = gates.new(), {}, 0
      pool:submit("fixtures.gate:wait", gate.path)
      for i = 1, 16 do
        futures[i] = pool:submit("fixtures.gate:pass_by", gate.path)
        futures[i]:on_done(function() called = called + 1 end)
      end
      gate:wait_started(1)
      for _, f in ipairs(futures) do assert.is_true(f:cancel()) end
      gate:open()
      pool:shutdown()
      tandem.poll(0)
      assert.equal(1, gate:started())
      assert.equal(16, called)
    end)

    it("lets the others run, in their order", function()
      local pool, gate = busy_pool()
      local futures = {}
      for i = 1, 9 do futures[i] = pool:submit("fixtures.basic:echo", i) end
      for i = 2, 9, 2 do assert.is_true(futures[i]:cancel()) end
      gate:open()
      for i = 1, 9, 2 do
        assert.equal(i, futures[i]:result(check.BOUND))
      end
      for i = 2, 9, 2 do assert.equal("cancelled", futures[i]:status()) end
    end)

    it("counts as done for whoever waits, busy worker or not", function()
      local pool, gate = busy_pool()
      local f = pool:submit("fixtures.basic:echo")
      f:cancel()
      local done, not_done = tandem.wait({ f }, { timeout = check.BOUND })
      check.same_members({ f }, done)
      assert.same({}, not_done)
      for g in tandem.as_completed({ f }, check.BOUND) do
        assert.equal(f, g)
      end
      assert.equal(1, gate:started())
    end)

    it("does not hold up a shutdown", function()
      local pool, gate = busy_pool()
      pool:submit("fixtures.basic:echo"):cancel()
      gate:open()
      assert.is_true(pool:shutdown())
    end)

    it("of all pending futures counts them", function()
      local pool, gate, running = busy_pool()
      local futures = {}
      for i = 1, 7 do futures[i] = pool:submit("fixtures.basic:echo") end
      futures[3]:cancel()
      assert.equal(6, pool:cancel_pending())
      assert.equal(0, pool:cancel_pending())
      for _, f in ipairs(futures) do assert.equal("cancelled", f:status()) end
      gate:open()
      assert.equal("ran", running:result(check.BOUND))
      assert.equal("open", pool:call("fixtures.basic:echo", "open"))
    end)

    -- A sanitizer keeps what is freed for a while.
    if not scale.sanitized then
      it("frees the arguments", function()
        local pool, size = busy_pool(), 64 << 20
        local text = ("x"):rep(size)
        local f = pool:submit("fixtures.results:bytes", text)
        local before = memory.resident()
        f:cancel()
        assert.is_true(before - memory.resident() >= size // 2)
        assert.equal(size, #text)
      end)
    end
  end, { concurrent = true })
end)
