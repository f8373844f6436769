--- Callbacks: what `on_done` promises.
local check = require "spec.support.check"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local run_script = require "spec.support.script"
local scale = require "spec.support.scale"
local tandem = require "tandem"

describe("on_done", function()
  for_each_pool(function(new_pool)
    local function finished(task, ...)
      local f = new_pool(1):submit(task, ...)
      assert.is_true(f:wait(check.BOUND))
      return f
    end

    -- The result of a done future once ran the other callbacks inside it, and
    -- what each had read before was lost.
    it("runs one after another, also where each asks for its result",
      function()
        local pool, sum, ran, list = new_pool(2), 0, 0, {}
        for i = 1, 10 do
          list[i] = pool:submit("fixtures.basic:echo", i)
        end
        local count = function(f)
          sum = sum + f:result()
          ran = ran + 1
        end
        for i = 1, 10 do list[i]:on_done(count) end
        while ran < 10 do tandem.poll(check.BOUND) end
        assert.equal(55, sum)
      end)

    it("calls the function once, with the future", function()
      local f = new_pool(1):submit("fixtures.basic:echo", "good")
      local seen = {}
      assert.equal(f, f:on_done(function(...)
        seen[#seen + 1] = table.pack(...)
      end))
      assert.equal("good", f:result())
      f:wait()
      tandem.poll(0)
      assert.equal(1, #seen)
      assert.equal(1, seen[1].n)
      assert.equal(f, seen[1][1])
    end)

    it("is called for a failure as well", function()
      local f = new_pool(1):submit("fixtures.failing:raise", "bad")
      local status, err
      f:on_done(function(g) status, err = g:status(), g:error() end)
      f:wait(check.BOUND)
      assert.equal("failed", status)
      assert.equal("bad", err)
    end)

    it("lets the callback read the result", function()
      local f = new_pool(1):submit("fixtures.basic:echo", 1, nil, 3)
      local results
      f:on_done(function(g) results = table.pack(g:result()) end)
      f:wait(check.BOUND)
      assert.same({ n = 3, 1, nil, 3 }, results)
    end)

    it("calls at once where the future is done already", function()
      for _, task in ipairs { "basic:echo", "failing:boom" } do
        local f, called = finished("fixtures." .. task), false
        f:on_done(function() called = true end)
        assert.is_true(called)
      end
    end)

    it("calls a function as often as it was added", function()
      local f, calls = new_pool(1):submit("fixtures.basic:echo"), 0
      local function count() calls = calls + 1 end
      f:on_done(count):on_done(count)
      f:wait(check.BOUND)
      assert.equal(2, calls)
    end)

    it("takes a callable table", function()
      local f, got = new_pool(1):submit("fixtures.basic:echo"), nil
      local callable = setmetatable({}, {
        __call = function(_, g) got = g end,
      })
      f:on_done(callable)
      f:wait(check.BOUND)
      assert.equal(f, got)
    end)

    it("refuses what cannot be called, when it is added", function()
      local f = finished("fixtures.basic:echo")
      for _, bad in ipairs { 42, "print", {}, true, io.stdout } do
        check.misuse_of("bad argument #1", f, "on_done", bad)
      end
      check.misuse_of("bad argument #1", f, "on_done", nil)
      check.misuse_of("bad argument #1", f, "on_done")
    end)

    it("reports an error of a callback, and calls the others", function()
      for _, value in ipairs { "oops", 42, false, { code = 1 } } do
        local f = new_pool(1):submit("fixtures.basic:echo", 5)
        local reports, others = {}, 0
        tandem.on_callback_error = function(err, future)
          reports[#reports + 1] = { err, future }
        end
        f:on_done(function() error(value, 0) end)
        f:on_done(function() others = others + 1 end)
        assert.equal(5, f:result(check.BOUND))
        assert.equal("done", f:status())
        assert.equal(1, #reports)
        assert.equal(value, reports[1][1])
        assert.equal(f, reports[1][2])
        assert.equal(1, others)
      end
    end)

    it("reports an error of a callback that is called at once", function()
      local f, reported = finished("fixtures.basic:echo"), nil
      tandem.on_callback_error = function(err) reported = err end
      f:on_done(function() error("late", 0) end)
      assert.equal("late", reported)
      assert.equal("done", f:status())
    end)

    it("sees the final state in the callback", function()
      local f = new_pool(1):submit("fixtures.basic:echo")
      local status, done
      f:on_done(function(g) status, done = g:status(), g:done() end)
      f:wait(check.BOUND)
      assert.equal("done", status)
      assert.is_true(done)
    end)

    it("runs though the coroutine that added it is gone", function()
      local f, called = new_pool(1):submit("fixtures.basic:echo"), false
      coroutine.wrap(function() f:on_done(function() called = true end) end)()
      collectgarbage()
      f:wait(check.BOUND)
      assert.is_true(called)
    end)

    it("runs inside a wait of a coroutine", function()
      local pool = new_pool(1)
      local called = false
      local result = coroutine.wrap(function()
        return pool:submit("fixtures.basic:echo", 8):on_done(function()
          called = true
        end):result()
      end)()
      assert.equal(8, result)
      assert.is_true(called)
    end)

    it("lets the callback wait for its own and for another future", function()
      local pool = new_pool(1)
      local one = pool:submit("fixtures.basic:echo", 1)
      local other = pool:submit("fixtures.basic:echo", 2)
      local sum
      one:on_done(function(f) sum = f:result() + other:result() end)
      one:result()
      assert.equal(3, sum)
    end)

    it("lets the callback submit the next task, and so on", function()
      local pool = new_pool(1)
      local left = 20
      local last
      local function go_on(f)
        last = f:result()
        left = left - 1
        if left > 0 then
          pool:submit("fixtures.basic:add", last, 1):on_done(go_on)
        end
      end
      pool:submit("fixtures.basic:add", 0, 1):on_done(go_on)
      local deadline = tandem.now() + check.BOUND
      while left > 0 and tandem.now() < deadline do tandem.poll(0.1) end
      assert.equal(20, last)
    end)

    it("lets the callback shut the pool down", function()
      local pool = new_pool(1)
      local f, calls, ended = pool:submit("fixtures.basic:echo"), 0, nil
      f:on_done(function() ended = pool:shutdown() end)
      f:on_done(function() calls = calls + 1 end)
      f:wait(check.BOUND)
      tandem.poll(0)
      assert.is_true(ended)
      assert.equal(1, calls)
    end)
  end)

  for_each_pool(function(new_pool)
    -- A future that runs until its gate is opened.
    local function held(...)
      local pool, gate = new_pool(1), gates.new()
      local f = pool:submit("fixtures.gate:wait", gate.path, ...)
      gate:wait_started(1)
      return f, gate, pool
    end

    -- Those that were added by the other handle were never called.
    it("calls what was added by any handle of the future", function()
      local f, gate, pool = held()
      local order = {}
      local function add(future, name)
        future:on_done(function() order[#order + 1] = name end)
      end
      add(f, "first")
      local _, unfinished = pool:shutdown { timeout = 0 }
      assert.equal(f, unfinished[1])
      add(unfinished[1], "second")
      add(f, "third")
      gate:open()
      f:wait(check.BOUND)
      assert.same({ "first", "second", "third" }, order)
    end)

    it("calls in order of registration", function()
      local f, gate = held()
      local order = {}
      for i = 1, 10 do
        f:on_done(function() order[#order + 1] = i end)
      end
      gate:open()
      f:wait(check.BOUND)
      assert.same({ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, order)
    end)

    it("calls at once what a callback adds", function()
      local f, gate = held()
      local order = {}
      f:on_done(function()
        order[#order + 1] = "a"
        f:on_done(function() order[#order + 1] = "nested" end)
      end)
      f:on_done(function() order[#order + 1] = "b" end)
      gate:open()
      f:wait(check.BOUND)
      assert.same({ "a", "nested", "b" }, order)
    end)

    it("calls before result, error and wait return", function()
      for _, method in ipairs { "result", "error", "wait" } do
        local f, gate = held()
        local called = false
        f:on_done(function() called = true end)
        gate:open()
        f[method](f, check.BOUND)
        assert.is_true(called, method)
      end
    end)

    it("does not call before somebody calls tandem", function()
      local f, gate = held()
      local called = false
      f:on_done(function() called = true end)
      gate:open()
      local ended = tandem.now() + 0.05
      while tandem.now() < ended do end
      assert.is_false(called)
      check.eventually(function() return tandem.poll(0.1) > 0 end, "a callback")
      assert.is_true(called)
    end)

    it("calls for a cancelled future, once", function()
      local _, _, pool = held()
      local f, calls, err = pool:submit("fixtures.basic:echo"), 0, nil
      f:on_done(function(g)
        calls = calls + 1
        err = g:error()
        assert(g:status() == "cancelled")
      end)
      assert.is_true(f:cancel())
      assert.is_true(f:cancel())
      tandem.poll(0)
      f:wait(check.BOUND)
      assert.equal(1, calls)
      assert.is_true(tandem.is_error(err, "cancelled"))
    end)

    it("calls at once for a future cancelled before", function()
      local _, _, pool = held()
      local f, called = pool:submit("fixtures.basic:echo"), false
      f:cancel()
      f:on_done(function() called = true end)
      assert.is_true(called)
    end)

    it("calls for futures that a shutdown cancels, once each", function()
      local _, gate, pool = held()
      local calls = {}
      for i = 1, 10 do
        calls[i] = 0
        pool:submit("fixtures.basic:echo"):on_done(function()
          calls[i] = calls[i] + 1
        end)
      end
      gate:open_later(0.02)
      assert.is_true(pool:shutdown { cancel_pending = true })
      tandem.poll(0)
      assert.same({ 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 }, calls)
    end)

    it("calls for a future that nobody else holds", function()
      local gate, pool, called = gates.new(), new_pool(1), nil
      pool:submit("fixtures.gate:wait", gate.path, "held by its callback")
        :on_done(function(f) called = f:result() end)
      collectgarbage()
      collectgarbage()
      gate:open()
      check.eventually(function() return tandem.poll(0.1) > 0 end, "a callback")
      assert.equal("held by its callback", called)
    end)

    it("lets the callback wait for a future that still runs", function()
      local pool, gate = new_pool(2), gates.new()
      local slow = pool:submit("fixtures.gate:wait", gate.path, "slow")
      gate:wait_started(1)
      local got
      pool:submit("fixtures.basic:echo"):on_done(function()
        gate:open()
        got = slow:result(check.BOUND)
      end):wait(check.BOUND)
      assert.equal("slow", got)
    end)

    it("runs other callbacks while a callback waits", function()
      local pool, gate = new_pool(2), gates.new()
      local slow = pool:submit("fixtures.gate:wait", gate.path)
      local inner = false
      slow:on_done(function() inner = true end)
      local seen_after_wait
      pool:submit("fixtures.basic:echo"):on_done(function()
        gate:open()
        slow:wait(check.BOUND)
        seen_after_wait = inner
      end):wait(check.BOUND)
      assert.is_true(seen_after_wait)
    end)

    it("carries chains of submits, however long, without recursion", function()
      local pool, length = new_pool(2), scale.down(10000)
      local running = 3
      for _ = 1, 3 do
        local left = length
        local function go_on()
          left = left - 1
          if left == 0 then
            running = running - 1
          else
            pool:submit("fixtures.basic:nothing"):on_done(go_on)
          end
        end
        pool:submit("fixtures.basic:nothing"):on_done(go_on)
      end
      local deadline = tandem.now() + 3 * check.BOUND
      while running > 0 and tandem.now() < deadline do tandem.poll(0.1) end
      assert.equal(0, running)
    end)
  end, { concurrent = true })

  it("warns once on stderr by default, and goes on", function()
    local code, out, err = run_script [[
      local tandem = require "tandem"
      local pool <close> = tandem.thread_pool(1)
      local f = pool:submit("fixtures.basic:echo", "result")
      f:on_done(function() error("callback trouble") end)
      print(f:result(), f:status())
    ]]
    assert.equal(0, code, err)
    assert.equal("result\tdone\n", out)
    local _, times = err:gsub("callback trouble", "")
    assert.equal(1, times, err)
  end)
end)
