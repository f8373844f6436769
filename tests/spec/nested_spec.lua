--- Tasks that submit tasks to the pool that runs them.
local check = require "spec.support.check"
local files = require "spec.support.files"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local memory = require "spec.support.memory"
local rest = require "spec.support.rest"
local scale = require "spec.support.scale"
local tandem = require "tandem"

local assert_adds_up, await_rest = rest.assert_adds_up, rest.await

local WORKERS = { 1, 2, 6 }

-- The name of a task of the fixtures.
local function task(name)
  return "fixtures.nested:" .. name
end

local function new_log()
  return files.directory() .. "/log"
end

local function sorted_lines(log)
  local lines = files.lines(log)
  table.sort(lines)
  return lines
end

-- What `leave_behind` leaves of n tasks.
local function left_of(n)
  local lines = {}
  for i = 1, n do
    lines[#lines + 1] = tostring(i)
    lines[#lines + 1] = i .. "'"
  end
  table.sort(lines)
  return lines
end

local function await_lines(log, n)
  check.eventually(function() return #files.lines(log) >= n end,
                   n .. " lines in the log")
end

describe("a task that submits to its own pool", function()
  for_each_pool(function(new_pool, kind)
    for _, workers in ipairs(WORKERS) do
      local function pool_of(options)
        options = options or {}
        options.max_workers = workers
        return new_pool(options)
      end

      describe("of " .. workers, function()
        it("may wait for it, and so on", function()
          local pool = pool_of()
          local n = scale.slow and 10 or 15
          local fib = { [10] = 55, [15] = 610 }
          assert.equal(fib[n], pool:call(task "fib", n))
          local futures = {}
          for i = 1, 8 do futures[i] = pool:submit(task "fib", i) end
          for i, expected in ipairs { 1, 1, 2, 3, 5, 8, 13, 21 } do
            assert.equal(expected, futures[i]:result(check.BOUND))
          end
          await_rest(pool)
        end)

        it("many levels deep", function()
          local pool = pool_of()
          local depth = scale.slow and 50 or 150
          assert.equal(depth, pool:call(task "depth", depth))
          assert.equal(30, pool:call(task "depth_protected", 30))
        end)

        it("has map, starmap and reduce", function()
          local pool = pool_of()
          assert.same({ 338350, 10100, 338350 },
                      { pool:call(task "maps", 100) })
          assert.equal(27, pool:call(task "map_in_map", 3))
          local sum = 0
          for _, n in pool:map(task "fib", { 5, 6, 7 }) do sum = sum + n end
          assert.equal(26, sum)
        end)

        it("has views", function()
          -- A serial pool cannot keep time.
          local name, sum = pool_of():call(task "view",
                                           kind ~= "serial" and 60 or nil)
          assert.same({ "seven", 14 }, { name, sum })
        end)

        it("has continuations", function()
          local pool = pool_of()
          assert.equal(20, pool:call(task "chain", 20))
          assert.equal("first", pool:call(task "failing_chain"))
          local stats = await_rest(pool)
          if kind ~= "process" then
            assert.equal(3, stats.failed)
            assert.equal(2 + 21, stats.done)
          end
        end)

        it("waits for several, in each way", function()
          local pool = pool_of()
          for _ = 1, 10 do
            assert.same({ 5, 5 }, { pool:call(task "wait", 5) })
            local first, all = pool:call(task "wait", 5, "first")
            assert.is_true(first >= 1)
            assert.equal(5, all)
            first, all = pool:call(task "wait", 5, "first_error")
            assert.same({ 5, 5 }, { first, all })
            local status, some = pool:call(task "wait_first_error")
            assert.same({ "failed", true }, { status, some })
            assert.equal(55, pool:call(task "as_completed", 5))
            assert.same({ 14, 1 }, { pool:call(task "all_and_any") })
          end
        end)

        it("has callbacks, which may submit and wait", function()
          assert.equal(385 + 10, pool_of():call(task "callbacks", 10))
        end)

        it("does so in coroutines and in pcall", function()
          local pool = pool_of()
          assert.equal(385, pool:call(task "in_coroutine", 10))
          assert.same({ true, 1, false, "oops", 2 },
                      { pool:call(task "in_pcall") })
        end)

        it("gets the error and the traceback of one that fails", function()
          local pool = pool_of()
          local err, traceback, status =
            pool:call(task "failure", "fixtures.failing:boom")
          assert.matches("boom", err)
          assert.matches("in function 'fixtures.failing.boom'", traceback)
          assert.equal("failed", status)
          assert.equal("oops", pool:submit(task "pass_on",
            "fixtures.failing:raise", "oops"):error(check.BOUND))
        end)

        it("may leave them behind", function()
          local pool, log = pool_of(), new_log()
          assert.equal(5, pool:call(task "leave_behind", log, 5))
          await_lines(log, 10)
          assert.same(left_of(5), sorted_lines(log))
          log = new_log()
          assert.equal("outer", pool:submit(task "nest_and_fail", log)
            :error(check.BOUND))
          await_lines(log, 6)
          assert.same(left_of(3), sorted_lines(log))
          await_rest(pool)
        end)

        it("may leave them behind at the pool's end", function()
          local pool, log = pool_of(), new_log()
          pool:submit(task "leave_behind", log, 20)
          assert.is_true(pool:shutdown())
          assert.same(left_of(20), sorted_lines(log))
        end)

        it("may leave them behind in a machine that goes", function()
          local log = new_log()
          local pool = pool_of { max_tasks_per_worker = 1 }
          for _ = 1, 5 do pool:submit(task "leave_behind", log, 5) end
          assert.equal(55, pool:call(task "fib", 10))
          assert.is_true(pool:shutdown())
          assert.equal(50, #files.lines(log))
          assert_adds_up(pool:stats())
        end)

        it("is not counted by queue_limit", function()
          local pool = pool_of { queue_limit = 1 }
          for _ = 1, 5 do
            assert.equal(20, pool:call(task "beyond_the_limit", 20))
          end
          await_rest(pool)
        end)

        it("may cancel what is pending", function()
          local pool = pool_of()
          for _ = 1, 20 do
            local settled, cancelled = pool:call(task "cancel_some", 10)
            assert.equal(10, settled)
            if workers == 1 then assert.equal(5, cancelled) end
            local count, seen = pool:call(task "cancel_all_pending", 10)
            assert.equal(count, seen)
            if workers == 1 then assert.equal(10, count) end
          end
          if workers == 1 then
            assert.same({ "pending", true, "cancelled", false, "cancelled",
                          true }, { pool:call(task "cancel_pending") })
          end
          await_rest(pool)
        end)

        it("is told that it waits for itself", function()
          local pool = pool_of()
          for _, how in ipairs { "result", "wait" } do
            local err = check.kind("deadlock", pool.call, pool,
                                   task "wait_for_self", how)
            assert.matches("fixtures.nested:wait_for_kept -> "
              .. "fixtures.nested:wait_for_kept", err.message, 1, true)
          end
          assert.equal(1, pool:call("fixtures.basic:echo", 1))
        end)

        it("is told where there are too many", function()
          local pool = pool_of()
          for _ = 1, 2 do
            local err = check.kind("deadlock", pool.call, pool,
                                   task "endless", 1)
            assert.matches("too many tasks", err.message)
          end
          assert.equal(21, pool:call(task "fib", 8))
        end)

        it("may not wait where it packs its result", function()
          local pool, log = pool_of(), new_log()
          local future = pool:submit(task "pack_and_call")
          local err = future:error(check.BOUND)
          -- Another worker may be faster than the one that must not.
          if future:status() == "failed" then
            assert.is_true(tandem.is_error(err, "encode"))
            assert.matches("__tandem_pack raised", err.message)
          else
            assert.is_true(workers > 1 and kind == "thread")
          end
          assert.same({ 5 }, pool:call(task "pack_and_submit", log))
          await_lines(log, 1)
        end)

        it("has its own hooks, and leaves those of others", function()
          local pool = pool_of()
          local sum, counted = pool:call(task "hooked")
          assert.equal(338350, sum)
          assert.is_true(counted)
          assert.is_nil(pool:call(function() return debug.gethook() end))
        end)
      end)
    end

    it("is the one that runs here, where a full queue has that", function()
      if kind == "serial" then return end
      local gate = gates.new()
      local pool = new_pool { max_workers = 1, queue_limit = 1,
                              on_full = "caller" }
      local held = pool:submit("fixtures.gate:wait", gate.path)
      gate:wait_started(1)
      local pending = pool:submit("fixtures.basic:echo", 1)
      assert.equal(21, pool:call(task "fib", 8))
      assert.is_true(pool:call(task "same_pool"))
      local log = new_log()
      pool:call(task "leave_behind", log, 3)
      assert.same(left_of(3), sorted_lines(log))
      assert.is_nil(tandem.pool())
      gate:open()
      held:result(check.BOUND)
      assert.equal(1, pending:result(check.BOUND))
      await_rest(pool)
    end)

    it("keeps functions of both sides apart", function()
      local pool = new_pool(1)
      for _ = 1, 2 do
        assert.equal("of the worker", pool:call(task "own_function"))
        assert.equal("of the host", pool:call(function()
          return "of the host"
        end))
        assert.equal("another", pool:call(function() return "another" end))
        assert.equal("third", pool:call(function() return "third" end))
      end
    end)

    it("finds those begun in their order where it waits for any", function()
      local log = new_log()
      new_pool(1):call(task "by_priority", log)
      assert.same({ "3", "4", "5", "1", "2" }, files.lines(log))
    end)

    it("gets what tasks otherwise end with", function()
      local pool = new_pool(1)
      local err = pool:call(task "failure", task "result_that_cannot_be_sent")
      assert.equal("encode", err.kind)
      err = pool:call(task "failure", "no.such:module")
      assert.equal("load", err.kind)
      if kind ~= "process" then
        err = pool:call(task "failure", "fixtures.basic:os_exit", 3)
        assert.equal("exit", err.kind)
        assert.equal(3, err.code)
      end
    end)

    it("is told of a circle of two and of three", function()
      local pool = new_pool(1)
      for _ = 1, 2 do
        for n = 2, 3 do
          local err = check.kind("deadlock", pool.call, pool, task "circle", n)
          for i = 1, n do
            assert.matches("circle " .. i .. " -> ", err.message, 1, true)
          end
          assert.matches("-> circle 1$", err.message)
        end
      end
    end)

    it("is told of a circle where it waits for any", function()
      local pool = new_pool(1)
      for _, how in ipairs { "completed", "first", "all", "any continuation",
                             "continuation of all" } do
        local future = pool:submit(task "wait_for_self", how)
        local err = check.kind("deadlock", future.result, future, check.BOUND)
        assert.matches(": fixtures.nested:wait_for_self -> "
          .. "fixtures.nested:wait_for_kept", err.message, 1, true)
      end
      assert.equal(1, pool:call("fixtures.basic:echo", 1))
    end)

    it("is told of a circle where it waits for what continues it", function()
      local pool = new_pool(1)
      for _ = 1, 2 do
        local future = pool:submit(task "wait_for_self", "continuation")
        check.kind("deadlock", future.result, future, check.BOUND)
      end
      assert.equal(21, pool:call(task "fib", 8))
      await_rest(pool)
    end)

    it("has the same pool each time", function()
      assert.is_true(new_pool(1):call(task "same_pool"))
    end)

    it("cannot end or resize it", function()
      local pool = new_pool(1)
      local texts = pool:call(task "misuse")
      for i, name in ipairs { "shutdown", "resize" } do
        assert.matches("'" .. name .. "': a task cannot do that", texts[i], 1,
                       true)
      end
      assert.same({ false, 2, 3 }, { pool:call(task "scope") })
    end)

    it("knows which task it is", function()
      local before, inside, failed, after = new_pool(1):call(task "current")
      assert.equal(task "current", before)
      assert.equal("inside", inside)
      assert.equal("x", failed)
      assert.equal(task "current", after)
    end)

    it("finds no pool where it is an initializer", function()
      local pool = new_pool { max_workers = 1,
                              initializer = task "note_pool" }
      assert.is_true(pool:call(task "pool_at_start"))
    end)

    it("shows in the statistics", function()
      local pool = new_pool(1)
      local stats = pool:call(task "stats")
      assert_adds_up(stats)
      if kind ~= "process" then assert.equal(1, stats.running) end
      pool:call(task "fib", 5)
      pool:submit(task "in_pcall"):wait()
      pool:call(task "cancel_all_pending", 4)
      stats = await_rest(pool)
      if kind ~= "process" then
        assert.equal(1, stats.failed)
        assert.equal(4, stats.cancelled)
      end
    end)

    it("takes no memory for what is over", function()
      local pool = new_pool(1)
      local n = scale.down(1000000)
      for _, name in ipairs { "many_calls", "many" } do
        local before = pool:call(task(name), n // 5)
        local resident = memory.resident()
        for _ = 1, name == "many" and 5 or 1 do
          local after = pool:call(task(name), name == "many" and n // 5 or n)
          assert.is_true(after < before + 400)
        end
        if not scale.sanitized then
          assert.is_true(memory.resident() < resident + (64 << 20))
        end
      end
    end)
  end)

  it("is nil outside of one", function()
    assert.is_nil(tandem.pool())
    local inside = "not called"
    local pool <close> = tandem.thread_pool(1)
    pool:submit("fixtures.basic:echo"):on_done(function()
      inside = tandem.pool()
    end):wait(check.BOUND)
    assert.is_nil(inside)
  end)
end)

describe("threads take nested tasks from each other:", function()
  for_each_pool(function(new_pool)
    for _, how in ipairs { "result", "wait", "continuation" } do
      it("a circle over two workers is seen: " .. how, function()
        local pool = new_pool(3)
        for _ = 1, 3 do
          local own, far, near = gates.new(), gates.new(), gates.new()
          -- Which would take what the others shall.
          local third = gates.new()
          local held = pool:submit("fixtures.gate:wait", third.path)
          third:wait_started(1)
          local log = new_log()
          local future = pool:submit(task "two_workers", own.path, far.path,
                                     near.path, log, how)
          own:wait_started(1)
          far:wait_started(1)
          own:open()
          future:result(check.BOUND)
          near:wait_started(1)
          far:open()
          -- The last one to wait is told, and the other one then goes on.
          await_lines(log, 2)
          assert.matches("^%a+ the task waits for itself: fixtures.nested:"
            .. "%a+ %-> fixtures.nested:%a+ %-> fixtures.nested:%a+$",
            files.lines(log)[1])
          third:open()
          held:result(check.BOUND)
          await_rest(pool)
        end
      end)
    end

    it("those left behind run, though their worker leaves", function()
      local pool, log = new_pool(4), new_log()
      local list = {}
      for i = 1, 4 do
        local gate = gates.new()
        list[i] = { gate, pool:submit(task "leave_and_wait", gate.path, log,
                                      5) }
      end
      for _, one in ipairs(list) do one[1]:wait_started(1) end
      pool:resize(1)
      for _, one in ipairs(list) do
        one[1]:open()
        one[2]:result(check.BOUND)
      end
      await_lines(log, 40)
      assert.equal(40, #files.lines(log))
      await_rest(pool)
    end)

    it("a continuation runs, though the machine is gone that asked for it",
    function()
      local pool = new_pool { max_workers = 2, max_tasks_per_worker = 1 }
      for _ = 1, 3 do
        local gate, log = gates.new(), new_log()
        pool:submit(task "leave_chain", gate.path, log):result(check.BOUND)
        gate:wait_started(1)
        -- So that the worker which is free opens a new one.
        for _ = 1, 3 do pool:call("fixtures.basic:echo") end
        gate:open()
        await_lines(log, 1)
        assert.same({ "chained" }, files.lines(log))
      end
      await_rest(pool)
    end)

    it("what a machine that went had left in the queue can be cancelled",
    function()
      local pool = new_pool { max_workers = 1, max_tasks_per_worker = 1,
                              queue_limit = 3 }
      for _ = 1, 3 do
        local log, gate = new_log(), gates.new()
        pool:submit(task "leave_behind", log, 5)
        local held = pool:submit("fixtures.gate:wait", gate.path)
        gate:wait_started(1)
        pool:cancel_pending()
        gate:open()
        held:result(check.BOUND)
        for _ = 1, 5 do pool:call("fixtures.basic:echo") end
      end
      await_rest(pool)
    end)
  end, { kind = "thread" })
end)

describe("a worker process that dies in a nested task", function()
  for_each_pool(function(new_pool)
    it("fails the outer one", function()
      local pool = new_pool(1)
      local future = pool:submit(task "pass_on", "fixtures.crash:run",
                                 "SIGKILL")
      assert.equal("crashed", future:error(check.BOUND).kind)
      assert.equal(21, pool:call(task "fib", 8))
      future = pool:submit(task "pass_on", "fixtures.basic:os_exit", 3)
      assert.is_true(tandem.is_error(future:error(check.BOUND)))
      assert.equal(21, pool:call(task "fib", 8))
    end)

    it("has it run again, where there are retries", function()
      local pool = new_pool(1)
      local future = pool:with { retries = 3 }
        :submit(task "crash_at_first", 2)
      assert.equal(3, future:result(check.BOUND))
    end)
  end, { kind = "process" })
end)
