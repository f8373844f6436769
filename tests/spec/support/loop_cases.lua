--- What holds in whatever event loop: the cases of `tandem.await`.
--
--     loop_cases(new_loop, for_each_pool)
local busted = require "busted"
local check = require "spec.support.check"
local core = require "tandem.core"
local gates = require "spec.support.gate"
local scale = require "spec.support.scale"
local tandem = require "tandem"

local assert, it = require "luassert", busted.it

-- One of the ways to wait, at random. `others` are futures that several use.
local function wait_somehow(pool, others)
  local way = math.random(7)
  local seconds = math.random(3) == 1 and math.random() * 0.004 or 0
  local future = pool:submit("fixtures.awaiting:sleep", seconds)
  if way == 1 then
    pcall(tandem.await, future, math.random() * 0.003)
  elseif way == 2 then
    future:cancel()
    pcall(tandem.await, future)
  elseif way == 3 then
    future:on_done(function() end)
    tandem.await(future)
  elseif way == 4 then
    others[math.random(3)] = future
  elseif way == 5 and next(others) then
    pcall(tandem.await, others[next(others)])
  elseif way == 6 then
    future:result()
  else
    tandem.await(future)
  end
end

local function define(new_loop, for_each_pool)
  local loop, spawn
  local report = tandem.on_callback_error

  busted.before_each(function()
    loop = new_loop()
    spawn = loop.spawn
  end)

  busted.after_each(function()
    tandem.on_callback_error = report
    if loop.close then loop.close() end
  end)

  -- Runs the loop to its end; nothing shall have failed.
  local function run()
    assert.same({}, loop.run())
  end

  for_each_pool(function(new_pool)
    it("gives all results", function()
      local pool, got = new_pool(1), nil
      spawn(function()
        got = table.pack(tandem.await(
          pool:submit("fixtures.basic:echo", 1, nil, "x", nil)))
      end)
      run()
      assert.same({ n = 4, 1, nil, "x", nil }, got)
    end)

    it("raises what the task raised", function()
      local pool, outcomes = new_pool(1), {}
      for _, value in ipairs { "bad", 42, false, { code = 7 } } do
        spawn(function()
          local ok, err = pcall(tandem.await,
            pool:submit("fixtures.failing:raise", value))
          outcomes[#outcomes + 1] = { ok, err, value }
        end)
      end
      run()
      assert.equal(4, #outcomes)
      for _, outcome in ipairs(outcomes) do
        assert.is_false(outcome[1])
        assert.same(outcome[3], outcome[2])
      end
    end)

    it("returns at once where the future is done", function()
      local pool, order = new_pool(1), {}
      local future = pool:submit("fixtures.basic:echo", "first")
      assert.is_true(future:wait(check.BOUND))
      spawn(function()
        order[1] = tandem.await(future)
        order[2] = pcall(tandem.await, future, 0)
      end)
      order[#order + 1] = "after"
      run()
      if loop.name == "cqueues" then
        assert.same({ "first", true }, order)
      else
        assert.same({ "first", true, "after" }, order)
      end
    end)

    it("waits for groups and continuations", function()
      local pool, got = new_pool(2), {}
      spawn(function()
        local a = pool:submit("fixtures.basic:add", 1, 2)
        local b = a:and_then("fixtures.basic:square")
        got[1] = tandem.await(b)
        local all = tandem.await(tandem.all { a, b })
        got[2] = all[1][1] + all[2][1]
        got[3] = tandem.await(tandem.any { a, b })
      end)
      run()
      assert.same({ 9, 12, 3 }, got)
    end)

    it("serves thousands", function()
      local pool, n, sum = new_pool(2), scale.down(3000), 0
      for i = 1, n do
        spawn(function()
          local value = tandem.await(pool:submit("fixtures.basic:echo", i))
          sum = sum + value
        end)
      end
      run()
      assert.equal(n * (n + 1) // 2, sum)
    end)

    it("waits again and again in one coroutine", function()
      local pool, n, sum = new_pool(1), scale.down(2000), 0
      spawn(function()
        for _ = 1, n do
          sum = tandem.await(pool:submit("fixtures.basic:add", sum, 1))
        end
      end)
      run()
      assert.equal(n, sum)
    end)

    it("blocks in a task, which has no loop", function()
      local pool, got = new_pool(1), {}
      spawn(function()
        got = { tandem.await(pool:submit("fixtures.awaiting:sum", 20, 22)) }
      end)
      run()
      assert.same({ 42, "timeout", "42" }, got)
    end)

    it("does not raise what it was not asked", function()
      spawn(function()
        check.misuse("bad argument #1 to 'await'", tandem.await, 42)
        check.misuse("bad argument #1 to 'await'", tandem.await)
        local future = new_pool(1):submit("fixtures.basic:echo")
        for _, bad in ipairs { "1", {}, true, 0 / 0 } do
          check.misuse("timeout: expected a number", tandem.await, future, bad)
        end
      end)
      run()
    end)

    it("can go round again after the end", function()
      local pool, got = new_pool(1), {}
      for i = 1, 3 do
        spawn(function()
          got[i] = tandem.await(pool:submit("fixtures.basic:echo", i))
        end)
        run()
      end
      assert.same({ 1, 2, 3 }, got)
    end)
  end)

  for_each_pool(function(new_pool)
    -- A future that runs until its gate is opened.
    local function held(...)
      local pool, gate = new_pool(2), gates.new()
      local future = pool:submit("fixtures.gate:wait", gate.path, ...)
      gate:wait_started(1)
      return future, gate, pool
    end

    it("lets others run meanwhile", function()
      local future, gate, pool = held("slow")
      local order = {}
      local function add(f)
        local value = tandem.await(f)
        order[#order + 1] = value
      end
      spawn(add, future)
      spawn(function()
        add(pool:submit("fixtures.basic:echo", "fast"))
        gate:open()
      end)
      run()
      assert.same({ "fast", "slow" }, order)
    end)

    it("gives one result to all who wait, in their order", function()
      local future, gate = held("for all")
      local got = {}
      for i = 1, 10 do
        spawn(function()
          local value = tandem.await(future)
          got[#got + 1] = { i, value }
        end)
      end
      gate:open_later(0.02)
      run()
      assert.equal(10, #got)
      for i, one in ipairs(got) do
        assert.equal("for all", one[2])
        if loop.name ~= "cqueues" then assert.equal(i, one[1]) end
      end
    end)

    it("goes on though nobody holds the coroutine, or the future", function()
      local gate, pool, got = gates.new(), new_pool(1), {}
      for i = 1, 5 do
        spawn(function()
          got[i] = tandem.await(pool:submit("fixtures.gate:wait", gate.path, i))
        end)
      end
      spawn(function()
        tandem.await(new_pool(1):submit("fixtures.basic:echo"))
        collectgarbage()
        collectgarbage()
        gate:open()
      end)
      run()
      assert.same({ 1, 2, 3, 4, 5 }, got)
    end)

    -- Nobody had told the loop of a future that no worker brings back.
    it("wakes for a future that another coroutine cancels", function()
      local _, gate, pool = held()
      pool:submit("fixtures.gate:wait", gate.path)
      local queued, err = pool:submit("fixtures.basic:echo"), nil
      spawn(function() err = check.kind("cancelled", tandem.await, queued) end)
      spawn(function() assert.is_true(queued:cancel()) end)
      run()
      assert.is_truthy(err)
    end)

    it("wakes when the pool is shut down", function()
      local _, gate, pool = held()
      pool:submit("fixtures.gate:wait", gate.path)
      local kinds = {}
      for _ = 1, 5 do
        local queued = pool:submit("fixtures.basic:echo")
        spawn(function()
          local err = check.kind("cancelled", tandem.await, queued)
          kinds[#kinds + 1] = err.kind
        end)
      end
      spawn(function()
        pool:shutdown { wait = false, cancel_pending = true }
        gate:open()
      end)
      run()
      assert.same({ "cancelled", "cancelled", "cancelled", "cancelled",
                    "cancelled" }, kinds)
    end)

    it("raises kind timeout in time, and can wait again", function()
      local future, gate = held("late")
      local err, got, took
      spawn(function()
        local before = tandem.now()
        err = check.kind("timeout", tandem.await, future, 0.03)
        took = tandem.now() - before
        check.kind("timeout", tandem.await, future, 0)
        check.kind("timeout", tandem.await, future, -1)
        gate:open()
        got = tandem.await(future, check.BOUND)
      end)
      run()
      assert.equal(0.03, err.waited)
      assert.is_true(took >= 0.03 and took < check.BOUND, tostring(took))
      assert.equal("late", got)
    end)

    -- libuv counts milliseconds, as an integer.
    it("takes a timeout that no timer can do", function()
      local future, gate = held("in time")
      local got = {}
      for _, timeout in ipairs { math.huge, 1e300, 2^62 } do
        spawn(function()
          local value = tandem.await(future, timeout)
          got[#got + 1] = value
        end)
      end
      gate:open_later(0.02)
      run()
      assert.same({ "in time", "in time", "in time" }, got)
    end)

    it("ends though a future that was given up still runs", function()
      local future, gate = held()
      spawn(function() check.kind("timeout", tandem.await, future, 0.01) end)
      run()
      assert.equal("running", future:status())
      gate:open()
    end)

    it("leaves nothing on a future that was given up", function()
      local future, gate = held()
      spawn(function()
        for _ = 1, 20 do
          check.kind("timeout", tandem.await, future, 0.001)
        end
      end)
      run()
      assert.equal(0, #(core.notes(future).callbacks or {}))
      gate:open()
    end)

    it("leaves other callbacks on a future that was given up", function()
      local future, gate = held()
      local called = 0
      future:on_done(function() called = called + 1 end)
      local is_given_up = false
      spawn(function()
        check.kind("timeout", tandem.await, future, 0.001)
        is_given_up = true
      end)
      spawn(function()
        repeat
          check.kind("timeout", tandem.await, future, 0.001)
        until is_given_up
        gate:open()
        tandem.await(future)
      end)
      run()
      assert.equal(1, called)
    end)

    it("tells of an error that a coroutine raises after it", function()
      local future, gate = held()
      local closed = false
      spawn(function()
        local _ <close> = setmetatable({}, {
          __close = function() closed = true end,
        })
        tandem.await(future)
        error("after the wait", 0)
      end)
      gate:open_later(0.02)
      local errors = loop.run()
      assert.equal(1, #errors)
      assert.is_truthy(tostring(errors[1]):find("after the wait", 1, true))
      if loop.name ~= "cqueues" then assert.is_true(closed) end
    end)

    it("ends after whatever mixture of waits", function()
      local pool, others, open = new_pool(2), {}, 0
      for _ = 1, scale.down(30) do
        for _ = 1, math.random(12) do
          spawn(function()
            open = open + 1
            for _ = 1, math.random(6) do wait_somehow(pool, others) end
            open = open - 1
          end)
        end
        run()
        assert.equal(0, open)
      end
    end)

    it("is refused where nothing can yield", function()
      local future, gate = held()
      check.misuse("no coroutine of an event loop", tandem.await, future)
      local said
      spawn(function()
        pcall(table.sort, { 1, 2 }, function()
          said = check.misuse("cannot yield here", tandem.await, future)
        end)
      end)
      run()
      assert.is_truthy(said)
      gate:open()
    end)

    it("needs neither timers nor turns while it waits", function()
      local future, gate = held("at last")
      local poll, polls, got = tandem.poll, 0, nil
      tandem.poll = function(...)
        polls = polls + 1
        return poll(...)
      end
      spawn(function() got = tandem.await(future) end)
      gate:open_later(0.4)
      local before, began = os.clock(), tandem.now()
      run()
      tandem.poll = poll
      assert.equal("at last", got)
      assert.is_true(polls < 10, polls .. " polls")
      local cpu, waited = os.clock() - before, tandem.now() - began
      assert.is_true(scale.slow or cpu < waited / 2, cpu .. " s of CPU time")
    end)
  end, { concurrent = true })
end

return define
