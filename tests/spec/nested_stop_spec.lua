--- Stopping tasks that wait for tasks of their own.
local check = require "spec.support.check"
local files = require "spec.support.files"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local grace = require "spec.support.grace"
local rest = require "spec.support.rest"
local scale = require "spec.support.scale"
local tandem = require "tandem"

local assert_adds_up, await_rest = rest.assert_adds_up, rest.await

if scale.defers_signals then
  pending("stopping Lua code, where signals are put off")
  return
end

-- The name of a task of the fixtures.
local function task(name)
  return "fixtures.nested:" .. name
end

local function new_log()
  return files.directory() .. "/log"
end

local function await_lines(log, n)
  check.eventually(function() return #files.lines(log) >= n end,
                   n .. " lines in the log")
end

-- Until the worker that runs this one sleeps, which it does where it waits.
local function await_sleep(pool, name)
  check.eventually(function()
    for _, worker in ipairs(pool:workers()) do
      local path = ("/proc/self/task/%d/stat"):format(worker.tid)
      if worker.task == name then
        return files.read(path):match("%) (%a)") == "S"
      end
    end
  end, "a worker asleep")
end

describe("stopping a task that waits for one of its own", function()
  for_each_pool(function(new_pool, kind)
    it("stops the one on top of it", function()
      local pool = new_pool(1)
      for _ = 1, 3 do
        local gate, log = gates.new(), new_log()
        local future = pool:submit(task "wait_for_loop", gate.path, log)
        gate:wait_started(1)
        assert.is_true(future:cancel("interrupt"))
        assert.is_true(future:wait(check.BOUND))
        assert.equal("cancelled", future:status())
        assert.same({ "inner", "outer" }, files.lines(log))
        assert.equal(21, pool:call(task "fib", 8))
      end
      await_rest(pool)
    end)

    it("stops it for want of time", function()
      local pool = new_pool(1)
      check.patiently(function(seconds)
        local gate, log = gates.new(), new_log()
        local future = pool:with { timeout = seconds }
          :submit(task "wait_for_loop", gate.path, log)
        local err = future:error(2 * check.BOUND)
        assert.equal("timeout", err.kind)
        assert.equal("failed", future:status())
        assert.same({ "inner", "outer" }, files.lines(log))
      end)
      assert.equal(21, pool:call(task "fib", 8))
    end)

    it("heeds the limits of nested ones", function()
      local pool = new_pool(1)
      for _ = 1, 2 do
        local name, limit, status, after = pool:call(task "timeout", 0.05)
        assert.same({ "timeout", "failed", "next" }, { name, status, after })
        assert.is_true(math.abs(limit - 0.05) < 1e-6)
      end
      local both = pool:with { timeout = 1e3 }:submit(task "timeout", 0.05)
      assert.equal("timeout", (both:result(check.BOUND)))
      both = pool:with { timeout = 0.05 }:submit(task "timeout", 10)
      assert.equal("timeout", both:error(check.BOUND).kind)
    end)

    it("gives nested ones the pool's limit", function()
      local pool = new_pool { max_workers = 1, timeout = 0.1 }
      local future = pool:submit(task "loop_on_top")
      assert.equal("timeout", future:error(check.BOUND).kind)
      assert.equal(1, pool:with { timeout = 1e3 }
        :call("fixtures.basic:echo", 1))
    end)

    it("can be done by the one on top of it, if it is told to", function()
      local pool = new_pool(1)
      local ok, status = pool:call(task "cancel_below", "pending")
      assert.same({ false, "done" }, { ok, status })
      -- It hears of it at once, and so does not come to tell.
      local _, how, good, name = pool:call(task "cancel_below", "interrupt")
      assert.same({ "cancelled", false, "cancelled" }, { how, good, name })
    end)

    it("gives up all of it where one on top is in C", function()
      local pool, gate = new_pool(1), gates.new()
      grace.short()
      local future = pool:submit(task "stuck", gate.path, 0.05)
      if kind == "process" then
        -- There it ends when it comes back.
        gate:wait_started(1)
        gate:open_later(0.3)
        assert.is_true(tandem.is_error(future:error(check.BOUND), "timeout"))
        return
      end
      local err = future:error(check.BOUND)
      assert.equal("timeout", err.kind)
      assert.is_true(math.abs(err.limit - 0.05) < 1e-3)
      assert.equal(21, pool:call(task "fib", 8))
      gate:open()
      check.eventually(function() return pool:stats().lost == 0 end,
                       "a thread comes back from C")
    end)

    it("may call from what is closed then", function()
      local pool, gate, log = new_pool(1), gates.new(), new_log()
      local future = pool:submit(task "close_by_call", gate.path, log)
      gate:wait_started(1)
      assert.is_true(future:cancel("interrupt"))
      assert.is_true(future:wait(check.BOUND))
      assert.equal("cancelled", future:status())
      assert.equal(1, pool:call("fixtures.basic:echo", 1))
      await_rest(pool)
    end)

    it("happens when the pool's block is left by an error", function()
      local gate, log = gates.new(), new_log()
      local future, behind
      local ok, err = pcall(function()
        local pool <close> = new_pool(1, "loose")
        future = pool:submit(task "wait_for_loop", gate.path, log)
        behind = pool:submit("fixtures.basic:echo")
        gate:wait_started(1)
        error("out", 0)
      end)
      assert.same({ false, "out" }, { ok, err })
      assert.equal("cancelled", future:status())
      assert.equal("cancelled", behind:status())
    end)

    it("ends what is pending with the pool", function()
      local gate, log = gates.new(), new_log()
      local pool = new_pool(1)
      local future = pool:submit(task "leave_and_wait", gate.path, log, 5)
      gate:wait_started(1)
      local n = pool:cancel_pending()
      gate:open()
      future:result(check.BOUND)
      if kind == "thread" then
        assert.equal(5, n)
        assert.is_true(pool:shutdown())
        assert.same({}, files.lines(log))
        assert.equal(5, pool:stats().cancelled)
      end
      assert.is_true(pool:shutdown())
      assert_adds_up(pool:stats())
    end)

    it("by shutdown leaves nothing pending", function()
      local gate, log = gates.new(), new_log()
      local pool = new_pool(1)
      pool:submit(task "leave_and_wait", gate.path, log, 5)
      gate:wait_started(1)
      assert.is_false(pool:shutdown { cancel_pending = true, wait = false })
      gate:open()
      assert.is_true(pool:shutdown())
      assert_adds_up(pool:stats())
    end)
  end, { concurrent = true })
end)

describe("stopping nested tasks that another thread has taken:", function()
  for_each_pool(function(new_pool)
    it("interrupting reaches one that runs elsewhere", function()
      local pool = new_pool(2)
      for _, name in ipairs { "loop", "swallow", "sleep", "coroutine" } do
        local gate, held = gates.new(), gates.new()
        local future = pool:submit(task "interrupt_elsewhere", gate.path,
                                   held.path, "fixtures.stubborn:" .. name)
        gate:wait_started(1)
        held:open()
        assert.same({ true, false, "cancelled", "cancelled" },
                    { future:result(check.BOUND) })
      end
      await_rest(pool)
    end)

    -- One that waits, asleep, for one that loops elsewhere.
    local function start_both(pool, view)
      local gate, held, log = gates.new(), gates.new(), new_log()
      local future = view:submit(task "wait_for_far", gate.path, held.path, log)
      gate:wait_started(1)
      held:open()
      await_lines(log, 1)
      await_sleep(pool, task "wait_for_far")
      return future, log
    end

    local function assert_both_ended(future, log)
      assert.is_true(future:wait(check.BOUND))
      await_lines(log, 3)
      local lines = files.lines(log)
      table.sort(lines)
      assert.same({ "inner", "outer", "waits" }, lines)
    end

    it("both end when the outer one is stopped", function()
      local pool = new_pool(2)
      for _ = 1, 2 do
        local future, log = start_both(pool, pool)
        assert.is_true(future:cancel("interrupt"))
        assert_both_ended(future, log)
        assert.equal("cancelled", future:status())
      end
      await_rest(pool)
    end)

    it("is cancelled where its worker is yet to start", function()
      local log = new_log()
      local pool = new_pool {
        max_workers = 2, initializer = task "start_but_second",
        initargs = { log },
      }
      assert.same({ true, "cancelled" },
                  { pool:call(task "cancel_at_start", log) })
      assert.equal(21, pool:call(task "fib", 8))
      await_rest(pool)
    end)

    it("both end when the outer one is out of time", function()
      local pool = new_pool(2)
      for _ = 1, 2 do
        check.patiently(function(seconds)
          local future, log = start_both(pool, pool:with { timeout = seconds })
          assert_both_ended(future, log)
          assert.equal("failed", future:status())
        end)
      end
      await_rest(pool)
    end)
  end, { kind = "thread" })
end)
