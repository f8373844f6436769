--- Stopping tasks that run: by hand, and for want of time.
local check = require "spec.support.check"
local files = require "spec.support.files"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local grace = require "spec.support.grace"
local scale = require "spec.support.scale"
local tandem = require "tandem"

if scale.defers_signals then
  pending("stopping Lua code, where signals are put off")
  return
end

-- Lua code that does not end by itself, and would rather not be stopped.
local KINDS = {
  "loop", "swallow", "swallow_by_xpcall", "swallow_by_load", "in_callbacks",
  "in_handler", "in_handlers", "in_handler_beyond_pcall",
  "coroutine", "wrapped", "yielding",
  "sleep", "unhook", "own_hook", "pattern", "while_encoding",
  "after_nested_pool", "in_serial_pool", "sleep_in_serial_pool",
  "in_full_pool",
}

local function start(pool, name, ...)
  local gate = gates.new()
  local future = pool:submit("fixtures.stubborn:" .. name, gate.path, ...)
  gate:wait_started(1)
  return future, gate
end

-- Of a pool that has a short limit: what ends by itself needs none.
local function unhurried(pool)
  return pool:with { timeout = 1e10 }
end

describe("cancel('interrupt')", function()
  for_each_pool(function(new_pool, kind)
    for _, name in ipairs(KINDS) do
      it("stops a task that runs: " .. name, function()
        local pool = new_pool(1)
        for _ = 1, 3 do
          local future = start(pool, name)
          assert.equal("running", future:status())
          assert.is_true(future:cancel("interrupt"))
          assert.is_true(future:wait(check.BOUND))
          assert.equal("cancelled", future:status())
          check.kind("cancelled", future.result, future)
          assert.is_true(future:cancel("interrupt"))
        end
        assert.equal(5, pool:call("fixtures.basic:echo", 5))
        assert.equal(3, pool:stats().cancelled)
        assert.equal(0, pool:stats().failed)
        assert.equal(0, pool:stats().restarts + pool:stats().lost)
      end)
    end

    for _, name in ipairs { "swallow", "nested" } do
      it("leaves the worker as it was: " .. name, function()
        local pool = new_pool(1)
        local before = pool:call("fixtures.basic:calls")
        local future = start(pool, name)
        future:cancel("interrupt")
        assert.is_true(future:wait(check.BOUND))
        assert.equal(before + 1, pool:call("fixtures.basic:calls"))
        assert.is_nil(pool:call(function() return debug.gethook() end))
      end)
    end

    it("runs what a scope has to close", function()
      local pool, log = new_pool(1), files.directory() .. "/log"
      local future = start(pool, "closing", log)
      future:cancel("interrupt")
      assert.is_true(future:wait(check.BOUND))
      assert.same({ "closed" }, files.lines(log))
    end)

    it("stops a module that is being loaded", function()
      local pool, gate = new_pool(1), gates.new()
      pool:call("fixtures.state:set_global", "gate_path", gate.path)
      local future = pool:submit("fixtures.stubborn_load")
      gate:wait_started(1)
      future:cancel("interrupt")
      assert.is_true(future:wait(check.BOUND))
      assert.equal("cancelled", future:status())
    end)

    it("hurts no other task", function()
      local pool, gate = new_pool(2), gates.new()
      local other = pool:submit("fixtures.gate:wait", gate.path, "other")
      gate:wait_started(1)
      local future = start(pool, "loop")
      future:cancel("interrupt")
      assert.is_true(future:wait(check.BOUND))
      gate:open()
      assert.equal("other", other:result(check.BOUND))
    end)

    it("cancels what has not started, and is too late for what is done",
    function()
      local pool, gate = new_pool(1), gates.new()
      local first = pool:submit("fixtures.gate:wait", gate.path, 1)
      gate:wait_started(1)
      local second = pool:submit("fixtures.basic:echo", 2)
      assert.is_true(second:cancel("interrupt"))
      gate:open()
      assert.equal(1, first:result(check.BOUND))
      assert.is_false(first:cancel("interrupt"))
      assert.equal("done", first:status())
    end)

    it("ends in one outcome, whenever it comes", function()
      local pool = new_pool(2)
      local seen = { done = 0, cancelled = 0 }
      for i = 1, 300 do
        local future = pool:submit("fixtures.basic:echo", i)
        if i % 3 == 0 then tandem.sleep(0.0001) end
        local promised = future:cancel("interrupt")
        assert.is_true(future:wait(check.BOUND))
        local status = future:status()
        seen[status] = seen[status] + 1
        if promised then assert.equal("cancelled", status) end
        if status == "done" then assert.equal(i, future:result()) end
      end
      assert.equal(300, seen.done + seen.cancelled)
      local stats = pool:stats()
      assert.equal(seen.cancelled, stats.cancelled)
      assert.equal(seen.done, stats.done)
    end)

    it("gives up a task that is in C and does not come back", function()
      local pool = new_pool(1)
      local future, gate = start(pool, "in_c")
      grace.short()
      assert.is_true(future:cancel("interrupt"))
      assert.is_true(future:wait(check.BOUND))
      assert.equal("cancelled", future:status())
      assert.equal("next", pool:call("fixtures.basic:echo", "next"))
      if kind == "thread" then assert.equal(1, pool:stats().lost) end
      assert.is_true(pool:shutdown { timeout = check.BOUND })
      -- A thread cannot be ended from outside: let it come home.
      gate:open()
      check.eventually(function() return pool:stats().lost == 0 end,
                       "a thread comes back from C")
    end)

    it("refuses modes that there are not", function()
      local future = new_pool(1):submit("fixtures.basic:echo")
      for _, mode in ipairs { "stop", "", 1, true, {} } do
        check.misuse_of("expected the mode", future, "cancel", mode)
      end
    end)
  end, { concurrent = true })
end)

describe("a task's timeout", function()
  for_each_pool(function(new_pool, kind)
    for _, name in ipairs(KINDS) do
      it("stops it: " .. name, function()
        local pool, gate = new_pool { max_workers = 1, timeout = 0.05 },
          gates.new()
        local future = pool:submit("fixtures.stubborn:" .. name, gate.path)
        local err = check.kind("timeout", future.result, future, check.BOUND)
        assert.equal("failed", future:status())
        assert.equal(0.05, err.limit)
        assert.equal("fixtures.stubborn:" .. name, err.task)
        assert.equal(5, unhurried(pool):call("fixtures.basic:echo", 5))
      end)
    end

    it("does not mind what is quick enough, nor the time in the queue",
    function()
      check.patiently(function(seconds)
        local pool = new_pool { max_workers = 1, timeout = seconds }
        local before = unhurried(pool):submit("fixtures.stubborn:nap",
                                              seconds + 0.1)
        local future = pool:submit("fixtures.stubborn:nap", 0)
        assert.equal(seconds + 0.1, before:result())
        assert.equal(0, future:result(check.BOUND))
      end)
    end)

    it("is each task's own, by a view", function()
      local pool, gate = new_pool(2), gates.new()
      local free = pool:submit("fixtures.gate:wait", gate.path, "free")
      gate:wait_started(1)
      local short = pool:with { timeout = 0.05 }
      check.kind("timeout", short.call, short, "fixtures.stubborn:nap", 1000)
      assert.equal(0, pool:call("fixtures.stubborn:nap", 0))
      gate:open()
      assert.equal("free", free:result(check.BOUND))
    end)

    it("fails one item of a map, and not the others", function()
      check.patiently(function(seconds)
        local pool = new_pool { max_workers = 2, timeout = seconds }
        local naps = { 0, 0, 1000, 0, 1000, 0 }
        local failed = {}
        for i, _, err in pool:map("fixtures.stubborn:nap", naps,
                                  { on_error = "collect" }) do
          failed[i] = err and err.kind or "none"
        end
        assert.same({ "none", "none", "timeout", "none", "timeout", "none" },
                    failed)
      end)
    end)

    it("gives up a task that is in C", function()
      local pool, gate = new_pool { max_workers = 1, timeout = 0.05 },
        gates.new()
      grace.short()
      local future = pool:submit("fixtures.stubborn:in_c", gate.path)
      local err = check.kind("timeout", future.result, future, check.BOUND)
      assert.equal(0.05, err.limit)
      assert.equal("next", unhurried(pool):call("fixtures.basic:echo", "next"))
      gate:open()
      if kind == "thread" then
        check.eventually(function() return pool:stats().lost == 0 end,
                         "a thread comes back from C")
      end
    end)

    it("is a positive number of seconds", function()
      for _, bad in ipairs { 0, -1, 0 / 0, "1", true, {} } do
        check.misuse("timeout", new_pool, { timeout = bad })
        local pool = new_pool(1)
        check.misuse_of("timeout", pool, "with", { timeout = bad })
      end
      for _, tiny in ipairs { 1e-9, 1e-50, 5e-324 } do
        local pool = new_pool { max_workers = 1, timeout = tiny }
        check.kind("timeout", pool.call, pool, "fixtures.stubborn:nap", 1000)
      end
      for _, long in ipairs { 1e10, math.huge, math.maxinteger } do
        local pool = new_pool { max_workers = 1, timeout = long }
        assert.equal(1, pool:call("fixtures.basic:echo", 1))
      end
    end)
  end, { concurrent = true })

  it("is refused by a serial pool, which cannot stop a task", function()
    check.misuse("timeout", tandem.serial_pool, { timeout = 1 })
  end)
end)

describe("a pool that is left by an error", function()
  for_each_pool(function(new_pool)
    it("stops what does not end by itself", function()
      local futures = {}
      local ok, err = pcall(function()
        local pool <close> = new_pool(2, "loose")
        for i, name in ipairs { "loop", "swallow" } do
          futures[i] = start(pool, name)
        end
        error("out", 0)
      end)
      assert.same({ false, "out" }, { ok, err })
      for _, future in ipairs(futures) do
        assert.equal("cancelled", future:status())
      end
    end)
  end, { concurrent = true })
end)
