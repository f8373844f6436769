--- tandem.cqueues: in the controllers of cqueues, where futures can be polled.
local check = require "spec.support.check"
local condition = require "cqueues.condition"
local cqueues = require "cqueues"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local loop_cases = require "spec.support.loop_cases"
local loops = require "spec.support.loops"
local run_script = require "spec.support.script"
local scale = require "spec.support.scale"
local tandem = require "tandem"
local adapter = require "tandem.cqueues"

describe("tandem.await in cqueues", function()
  loop_cases(loops.cqueues, for_each_pool)
end)

describe("tandem.cqueues", function()
  -- Runs the controller to its end, and says how many coroutines are left.
  local function run(cq)
    local ok, err = cq:loop(check.BOUND)
    assert.is_true(ok, tostring(err))
    return cq:count()
  end

  for_each_pool(function(new_pool)
    local function held(...)
      local pool, gate = new_pool(2), gates.new()
      local future = pool:submit("fixtures.gate:wait", gate.path, ...)
      gate:wait_started(1)
      return future, gate, pool
    end

    it("lets a future be polled", function()
      local future, gate = held("polled")
      local cq, got = cqueues.new(), nil
      cq:wrap(function()
        assert(cqueues.poll(future) == future)
        assert(future:done())
        assert(cqueues.poll(future) == future)
        got = future:result()
      end)
      gate:open_later(0.02)
      assert.equal(0, run(cq))
      assert.equal("polled", got)
    end)

    it("lets it be polled beside conditions and timeouts", function()
      local future, gate = held("polled")
      local cq, signal, order = cqueues.new(), condition.new(), {}
      cq:wrap(function()
        order[1] = cqueues.poll(future, signal, 0.01)
        signal:signal()
        cqueues.poll(0)
        cq:wrap(function() signal:signal() end)
        order[2] = cqueues.poll(future, signal, check.BOUND)
        gate:open()
        order[3] = cqueues.poll(future, signal, check.BOUND)
      end)
      assert.equal(0, run(cq))
      assert.same({ 0.01, signal, future }, order)
    end)

    it("wakes only for the future that is polled", function()
      local future, gate, pool = held("mine")
      local cq, woken = cqueues.new(), 0
      cq:wrap(function()
        cqueues.poll(future)
        woken = woken + 1
        assert(future:done())
      end)
      cq:wrap(function()
        for i = 1, scale.down(500) do
          assert(tandem.await(pool:submit("fixtures.basic:echo", i)) == i)
        end
        assert(woken == 0)
        gate:open()
      end)
      assert.equal(0, run(cq))
      assert.equal(1, woken)
    end)

    it("lets many poll one, and one poll many", function()
      local future, gate, pool = held(true)
      local cq, done, futures = cqueues.new(), 0, {}
      for _ = 1, 50 do
        cq:wrap(function()
          while not future:done() do cqueues.poll(future) end
          done = done + 1
        end)
      end
      for i = 1, 50 do
        futures[i] = pool:submit("fixtures.basic:echo", i)
      end
      cq:wrap(function()
        for _, one in ipairs(futures) do
          while not one:done() do
            cqueues.poll(table.unpack(futures))
          end
        end
        gate:open()
      end)
      assert.equal(0, run(cq))
      assert.equal(50, done)
    end)

    it("keeps a controller for a polled future, until it is cancelled",
      function()
        local _, gate, pool = held()
        pool:submit("fixtures.gate:wait", gate.path)
        local queued, cq = pool:submit("fixtures.basic:echo"), cqueues.new()
        cq:wrap(function()
          assert(cqueues.poll(queued, 0.001) == 0.001)
        end)
        assert.is_true(cq:loop(0.02))
        assert.equal(1, cq:count())
        cq:wrap(function() assert(queued:cancel()) end)
        assert.equal(0, run(cq))
        gate:open()
      end)

    it("serves several controllers, each of which ends for itself", function()
      local future, gate, pool = held("late")
      local one, two, got = cqueues.new(), cqueues.new(), {}
      one:wrap(function() got[1] = tandem.await(future) end)
      assert.is_true(one:loop(0))
      two:wrap(function()
        got[2] = tandem.await(pool:submit("fixtures.basic:echo", "early"))
      end)
      assert.equal(0, run(two))
      assert.same({ nil, "early" }, got)
      gate:open()
      assert.equal(0, run(one))
      assert.same({ "late", "early" }, got)
    end)

    it("serves controllers inside a controller", function()
      local future, gate, pool = held("both")
      local outer, inner, got = cqueues.new(), cqueues.new(), {}
      outer:wrap(function() assert(inner:loop()) end)
      inner:wrap(function()
        got[1] = cqueues.poll(future) == future and future:result()
      end)
      inner:wrap(function() got[2] = tandem.await(future) end)
      outer:wrap(function()
        got[3] = cqueues.poll(future) == future and future:result()
      end)
      outer:wrap(function()
        tandem.await(pool:submit("fixtures.basic:echo"))
        gate:open()
        got[4] = tandem.await(future)
      end)
      assert.equal(0, run(outer))
      assert.same({ "both", "both", "both", "both" }, got)
    end)

    it("outlives a controller that is closed, or collected", function()
      local future, gate = held("new")
      for i = 1, 2 do
        local cq = cqueues.new()
        cq:wrap(function() tandem.await(future) end)
        cq:wrap(function() cqueues.poll(future) end)
        assert.is_true(cq:loop(0))
        if i == 1 then cq:close() end
      end
      collectgarbage()
      collectgarbage()
      local cq, got = cqueues.new(), nil
      cq:wrap(function() got = tandem.await(future) end)
      gate:open_later(0.02)
      assert.equal(0, run(cq))
      assert.equal("new", got)
    end)

    it("runs callbacks in an attached controller, which lasts as long",
      function()
        local future, gate = held("called")
        local cq, got = cqueues.new(), {}
        adapter.attach(cq)
        assert.equal(0, run(cq))
        future:on_done(function(f) got[1] = f:result() end)
        cq:wrap(function()
          cqueues.sleep(0.01)
          got[2] = got[1] or "not yet"
          gate:open()
        end)
        assert.equal(0, run(cq))
        assert.same({ "called", "not yet" }, got)
        adapter.detach(cq)
        future:on_done(function() got[3] = "at once" end)
        assert.equal(0, run(cq))
        assert.equal("at once", got[3])
      end)

    it("ends an attached controller that is detached", function()
      local future, gate = held()
      local cq = cqueues.new()
      future:on_done(function() end)
      adapter.attach(cq)
      assert.is_true(cq:loop(0.01))
      assert.equal(1, cq:count())
      adapter.detach(cq)
      assert.equal(0, run(cq))
      gate:open()
    end)

    it("awaits in a coroutine of cqueues.auxlib", function()
      local auxlib = require "cqueues.auxlib"
      local future, gate = held("deep")
      local cq, got = cqueues.new(), nil
      cq:wrap(function()
        auxlib.wrap(function() got = adapter.await(future) end)()
      end)
      gate:open_later(0.02)
      assert.equal(0, run(cq))
      assert.equal("deep", got)
    end)

    it("is refused in a coroutine of nobody", function()
      local future, gate = held()
      coroutine.wrap(function()
        check.misuse("no coroutine of an event loop", tandem.await, future)
      end)()
      gate:open()
    end)
  end, { concurrent = true })

  it("may be required in a controller that runs already", function()
    local code, out, err = run_script [[
      local cqueues = require "cqueues"
      local cq = cqueues.new()
      cq:wrap(function()
        local tandem = require "tandem"
        require "tandem.cqueues"
        local pool <close> = tandem.thread_pool(1)
        local future = pool:submit(function()
          require("tandem").sleep(0.05)
          return "slept"
        end)
        print(cqueues.poll(future) == future, tandem.await(future))
      end)
      assert(cq:loop())
    ]]
    assert.equal("", err)
    assert.equal("true\tslept\n", out)
    assert.equal(0, code)
  end)
end)
