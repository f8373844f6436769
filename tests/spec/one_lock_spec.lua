--- `one_lock`: a thread pool whose workers share one lock, as under the GIL.
local check = require "spec.support.check"
local files = require "spec.support.files"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local grace = require "spec.support.grace"
local tandem = require "tandem"

-- Code that is busy in Lua for ever, each in a way of its own.
local BUSY = {
  "loop", "swallow", "swallow_by_xpcall", "coroutine", "wrapped", "yielding",
  "unhook", "own_hook", "pattern", "while_encoding",
}

-- ThreadSanitizer keeps signals back from code that it has not instrumented, so
-- there a loop in stock Lua cannot be asked for anything.
local has_signals = os.getenv("TANDEM_MODE") ~= "tsan"
local it_with_signals = has_signals and it or function() end

local function start(pool, name, ...)
  local gate = gates.new()
  local future = pool:submit("fixtures.stubborn:" .. name, gate.path, ...)
  gate:wait_started(1)
  return future, gate
end

-- How long both were at work at once.
local function overlap(a, b)
  local sum = 0
  for i = 1, #a, 2 do
    for k = 1, #b, 2 do
      local from, to = math.max(a[i], b[k]), math.min(a[i + 1], b[k + 1])
      sum = sum + math.max(0, to - from)
    end
  end
  return sum
end

describe("one_lock", function()
  it("is true or false", function()
    for _, bad in ipairs { 1, "yes", {} } do
      check.misuse("one_lock", tandem.thread_pool, { one_lock = bad })
    end
    local pool <close> = tandem.thread_pool { one_lock = false }
    assert.equal(1, pool:call("fixtures.basic:echo", 1))
    assert.is_nil(pool:stats().one_lock)
  end)

  it("is refused by the other kinds of pool", function()
    for _, make in ipairs { tandem.process_pool, tandem.serial_pool } do
      for _, bad in ipairs { true, 1, "yes" } do
        check.misuse("one_lock", make, { one_lock = bad })
      end
      make({ one_lock = false }):shutdown()
    end
  end)

  for_each_pool(function(new_any)
    local function new_pool(options, loose)
      if type(options) == "number" then options = { max_workers = options } end
      options.one_lock = true
      return new_any(options, loose)
    end

    -- All workers have their state, so that none waits for the lock to make it.
    local function warm(pool, n)
      local gate, futures = gates.new(), {}
      for i = 1, n do
        futures[i] = pool:submit("fixtures.one_lock:meet", gate.path, n)
      end
      for i = 1, n do assert.equal(n, futures[i]:result(check.BOUND)) end
      return pool
    end

    local function spans(pool, seconds)
      local a = pool:submit("fixtures.one_lock:spans", seconds)
      local b = pool:submit("fixtures.one_lock:spans", seconds)
      return a:result(check.BOUND), b:result(check.BOUND)
    end

    it("shows in the pool's statistics", function()
      assert.is_true(new_pool(1):stats().one_lock)
    end)

    it("lets one thread at a time compute, and changes over", function()
      local pool = warm(new_pool(2), 2)
      check.patiently(function(seconds)
        local a, b = spans(pool, seconds / 4)
        assert.is_true(overlap(a, b) < 0.004, "at once: " .. overlap(a, b))
        assert.is_true(#a + #b > 4, "no change of hands")
      end)
    end)

    it("is let go in a sleep", function()
      warm(new_pool(8), 8)
    end)

    for _, how in ipairs { "result", "wait", "list", "as_completed", "poll",
                           "sleep" } do
      it("is let go while a task waits for futures: " .. how, function()
        local pool, gate = warm(new_pool(2), 2), gates.new()
        local future = pool:submit("fixtures.one_lock:wait", how, gate.path, 7)
        gate:wait_started(1)
        assert.equal(5, pool:call("fixtures.basic:echo", 5))
        assert.equal("running", future:status())
        gate:open()
        assert.equal(7, future:result(check.BOUND))
      end)
    end

    for _, name in ipairs(BUSY) do
      it_with_signals("is handed over by a task that is busy: " .. name,
    function()
        local pool = warm(new_pool(2), 2)
        local future = start(pool, name)
        for i = 1, 5 do
          assert.equal(i, pool:submit("fixtures.basic:echo", i)
            :result(check.BOUND))
        end
        assert.equal("running", future:status())
        future:cancel("interrupt")
        assert.is_true(future:wait(check.BOUND))
        assert.equal("cancelled", future:status())
        assert.equal(0, pool:stats().lost)
        assert.is_nil(pool:call(function() return debug.gethook() end))
      end)
    end

    it("leaves a task its own hook", function()
      local pool, gate = warm(new_pool(2), 2), gates.new()
      local future = pool:submit("fixtures.one_lock:keep_hook", gate.path, 8)
      for _ = 1, 8 do pool:call("fixtures.gate:pass_by", gate.path) end
      assert.same({ "", 1000, true }, { future:result(check.BOUND) })
    end)

    it("is handed over by initializers, too", function()
      local gate = gates.new()
      local pool = new_pool {
        max_workers = 2, initializer = "fixtures.one_lock:meet_busily",
        initargs = { gate.path, 2 },
      }
      local a = pool:submit("fixtures.basic:echo", 1)
      local b = pool:submit("fixtures.basic:echo", 2)
      assert.equal(1, a:result(check.BOUND))
      assert.equal(2, b:result(check.BOUND))
    end)

    it("survives errors, and states that are renewed", function()
      local pool = new_pool { max_workers = 3, max_tasks_per_worker = 1 }
      local futures = {}
      for i = 1, 100 do
        futures[i] = pool:submit("fixtures.basic:fail_on", i % 4)
      end
      for i = 1, 100 do
        assert.is_true(futures[i]:wait(check.BOUND))
        assert.equal(i % 4 == 3 and "failed" or "done", futures[i]:status())
      end
    end)

    it("changes nothing in what a map yields", function()
      local pool = new_pool(3)
      local squares = pool:map("fixtures.basic:square",
                               tandem.range(1, 1000)):collect()
      for i = 1, 1000 do assert.equal(i * i, squares[i]) end
    end)

    it("is kept by C code that does not come back", function()
      local pool, gate = warm(new_pool(2), 2), gates.new()
      local holder = pool:submit("fixtures.gate:wait", gate.path, 1)
      gate:wait_started(1)
      local other = pool:submit("fixtures.basic:echo", 2)
      assert.is_false(other:wait(0.05))
      gate:open()
      assert.equal(1, holder:result(check.BOUND))
      assert.equal(2, other:result(check.BOUND))
    end)

    it("may be waited for by a task that is stopped", function()
      local pool, gate = warm(new_pool(2), 2), gates.new()
      local holder = pool:submit("fixtures.gate:wait", gate.path, 1)
      gate:wait_started(1)
      local log = files.directory() .. "/log"
      for _ = 1, 3 do
        local future = pool:submit("fixtures.basic:note", log, "ran")
        check.eventually(function() return future:status() == "running" end,
                         "a claim")
        assert.is_true(future:cancel("interrupt"))
        assert.is_true(future:wait(check.BOUND))
        assert.equal("cancelled", future:status())
        local short = pool:with { timeout = 0.02 }
        check.kind("timeout", short.call, short, "fixtures.basic:note", log,
                   "ran")
      end
      assert.equal(0, pool:stats().lost)
      gate:open()
      assert.equal(1, holder:result(check.BOUND))
      assert.equal(4, pool:call("fixtures.basic:echo", 4))
      assert.same({ "first" }, (pool:call("fixtures.basic:note", log, "first")
        and files.lines(log)))
    end)

    it("is not needed to be stopped in a sleep", function()
      local pool, gate = warm(new_pool(3), 3), gates.new()
      grace.short()
      local short = pool:with { timeout = 0.1 }
      local sleeper = short:submit("fixtures.stubborn:nap", 1000)
      local holder = pool:submit("fixtures.gate:wait", gate.path, 1)
      gate:wait_started(1)
      check.kind("timeout", sleeper.result, sleeper, check.BOUND)
      assert.equal("running", holder:status())
      check.eventually(function() return pool:stats().lost == 0 end,
                       "the thread that was given up ends")
      gate:open()
      assert.equal(1, holder:result(check.BOUND))
    end)

    it("is taken from a task that is given up", function()
      local pool = warm(new_pool(2), 2)
      local future, gate = start(pool, "in_c")
      grace.short()
      local other = pool:submit("fixtures.basic:echo", "other")
      assert.is_true(future:cancel("interrupt"))
      assert.equal("other", other:result(check.BOUND))
      assert.is_true(future:wait(check.BOUND))
      assert.equal("cancelled", future:status())
      assert.equal(1, pool:stats().lost)
      assert.equal("next", pool:call("fixtures.basic:echo", "next"))
      gate:open()
      assert.is_true(pool:shutdown { timeout = check.BOUND })
      check.eventually(function() return pool:stats().lost == 0 end,
                       "a thread comes back from C")
    end)

    it_with_signals("lets each of many busy tasks be stopped", function()
      local pool = new_pool(12)
      local futures = {}
      for i = 1, 12 do futures[i] = start(pool, BUSY[i % 5 + 1]) end
      for i = 1, 12, 3 do assert.is_true(futures[i]:cancel("interrupt")) end
      for i = 1, 12, 3 do assert.is_true(futures[i]:wait(check.BOUND)) end
      for i = 1, 12 do futures[i]:cancel("interrupt") end
      for i = 1, 12 do
        assert.is_true(futures[i]:wait(check.BOUND))
        assert.equal("cancelled", futures[i]:status())
      end
      assert.equal(0, pool:stats().lost)
    end)

    it_with_signals("is no obstacle to leaving a pool by an error", function()
      local futures = {}
      local ok, err = pcall(function()
        local pool <close> = new_pool(4, "loose")
        for i, name in ipairs { "loop", "swallow", "sleep", "yielding" } do
          futures[i] = start(pool, name)
        end
        error("out", 0)
      end)
      assert.same({ false, "out" }, { ok, err })
      for _, future in ipairs(futures) do
        assert.equal("cancelled", future:status())
      end
    end)

    it("lets a pool with busy tasks end in good order", function()
      local pool = new_pool(4)
      local futures = {}
      for i = 1, 8 do
        futures[i] = pool:submit("fixtures.one_lock:spans", 0.01)
      end
      assert.is_true(pool:shutdown { timeout = check.BOUND })
      for i = 1, 8 do assert.equal("done", futures[i]:status()) end
    end)
  end, { kind = "thread" })
end)
