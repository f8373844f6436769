--- Shutting a pool down: by hand, by <close>, by an error.
local check = require "spec.support.check"
local files = require "spec.support.files"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local processes = require "spec.support.processes"
local tandem = require "tandem"

local function all_terminal(futures)
  for _, f in ipairs(futures) do
    if not f:done() then return false end
  end
  return true
end

describe("shutdown", function()
  for_each_pool(function(new_pool)
    it("is true, and may be asked for again", function()
      local pool = new_pool(2)
      pool:call("fixtures.basic:echo")
      assert.is_true(pool:shutdown())
      assert.is_true(pool:shutdown())
      assert.is_true(pool:shutdown { wait = false })
      assert.is_true(pool:shutdown { timeout = 0 })
      assert.is_true(pool:shutdown { cancel_pending = true, kill = true })
    end)

    it("makes later submits raise kind 'closed'", function()
      local pool = new_pool(1)
      pool:shutdown()
      for _, method in ipairs { "submit", "call" } do
        check.kind("closed", pool[method], pool, "fixtures.basic:echo")
      end
      check.kind("closed", pool.reduce, pool, "fixtures.basic:echo",
                 "fixtures.basic:add", { 1 })
      check.kind("closed", function()
        return pool:with({ priority = 1 }):submit("fixtures.basic:echo")
      end)
    end)

    it("works on pools that never had a task", function()
      for _ = 1, 200 do
        local pool = new_pool(4, "loose")
        assert.is_true(pool:shutdown())
      end
      for _ = 1, 200 do new_pool(4, "loose") end
    end)

    it("leaves the pool's counts readable", function()
      local pool = new_pool(1)
      pool:call("fixtures.basic:echo")
      pool:shutdown()
      local stats = pool:stats()
      assert.equal(1, stats.done)
      assert.equal(0, stats.running)
      assert.equal(0, pool:cancel_pending())
      assert.equal("string", type(tostring(pool)))
    end)

    it("refuses wrong options", function()
      local pool = new_pool(1)
      for _, bad in ipairs { 42, "x", true, print } do
        check.misuse_of("bad argument #1", pool, "shutdown", bad)
      end
      for _, name in ipairs { "wait", "cancel_pending", "kill" } do
        check.misuse(name, pool.shutdown, pool, { [name] = "yes" })
      end
      check.misuse_of("timeout", pool, "shutdown", { timeout = "1" })
      check.misuse_of("later", pool, "shutdown", { later = true })
      assert.equal("open", pool:call("fixtures.basic:echo", "open"))
    end)
  end)

  for_each_pool(function(new_pool, kind)
    it("waits for all that was submitted", function()
      local pool, futures = new_pool(3), {}
      for i = 1, 50 do
        futures[i] = pool:submit("fixtures.basic:square", i)
      end
      assert.is_true(pool:shutdown())
      for i, f in ipairs(futures) do
        assert.equal("done", f:status())
        assert.equal(i * i, f:result(0))
      end
    end)

    it("can cancel what is pending, and leaves none so", function()
      local pool, gate, futures = new_pool(2), gates.new(), {}
      for i = 1, 50 do
        futures[i] = pool:submit("fixtures.gate:wait", gate.path, i)
      end
      gate:wait_started(2)
      gate:open()
      assert.is_true(pool:shutdown { cancel_pending = true })
      local counts = { done = 0, cancelled = 0 }
      for _, f in ipairs(futures) do
        counts[f:status()] = counts[f:status()] + 1
      end
      assert.is_true(counts.done >= 2)
      assert.equal(50, counts.done + counts.cancelled)
      assert.equal(counts.done, gate:started())
    end)

    it("cancels pending tasks at once, whatever runs", function()
      local pool, gate = new_pool(1), gates.new()
      local running = pool:submit("fixtures.gate:wait", gate.path, "ran")
      local pending = pool:submit("fixtures.basic:echo")
      gate:wait_started(1)
      pool:shutdown { wait = false, cancel_pending = true }
      assert.equal("cancelled", pending:status())
      assert.equal("running", running:status())
      gate:open()
      assert.equal("ran", running:result(check.BOUND))
    end)

    it("gives up after its timeout, and tells what is unfinished", function()
      local pool, gate = new_pool(1), gates.new()
      local running = pool:submit("fixtures.gate:wait", gate.path)
      local pending = pool:submit("fixtures.basic:echo", "later")
      gate:wait_started(1)
      local before = tandem.now()
      local ended, unfinished = pool:shutdown { timeout = 0.05 }
      assert.is_true(tandem.now() - before >= 0.05)
      assert.is_false(ended)
      check.same_members({ running, pending }, unfinished)
      check.kind("closed", pool.submit, pool, "fixtures.basic:echo")
      gate:open()
      assert.is_true(pool:shutdown { timeout = check.BOUND })
      assert.equal("later", pending:result(0))
    end)

    it("need not wait: what was submitted runs all the same", function()
      local pool, gate, futures = new_pool(1), gates.new(), {}
      for i = 1, 5 do
        futures[i] = pool:submit("fixtures.gate:wait", gate.path, i)
      end
      gate:wait_started(1)
      pool:shutdown { wait = false }
      check.kind("closed", pool.submit, pool, "fixtures.basic:echo")
      gate:open()
      for i, f in ipairs(futures) do
        assert.equal(i, f:result(check.BOUND))
      end
      assert.is_true(pool:shutdown { timeout = check.BOUND })
    end)

    it("settles results that cannot be sent after it began", function()
      local pool, gate = new_pool(1), gates.new()
      pool:submit("fixtures.gate:wait", gate.path)
      local bad = pool:submit("fixtures.results:a_function")
      pool:shutdown { wait = false }
      gate:open()
      check.kind("encode", bad.result, bad, check.BOUND)
    end)

    it("wakes tasks that sleep, if it is to kill", function()
      local pool, gate = new_pool(2), gates.new()
      local futures = {}
      for i = 1, 20 do
        futures[i] = pool:submit("fixtures.gate:sleep", gate.path, 60)
      end
      gate:wait_started(2)
      pool:shutdown { kill = true, timeout = check.BOUND }
      assert.is_true(all_terminal(futures))
      assert.equal(2, gate:started())
      -- Those of threads had failed, with the error of tandem.sleep.
      for _, f in ipairs(futures) do assert.equal("cancelled", f:status()) end
      assert.equal(20, pool:stats().cancelled)
    end)

    it("leaves no thread and no process behind", function()
      local threads = files.count("/proc/self/task")
      local children = #processes.children()
      local is_process = kind == "process"
      local pool, gate = new_pool(3), gates.new()
      for _ = 1, 3 do pool:submit("fixtures.gate:wait", gate.path) end
      gate:wait_started(3)
      -- Three threads; or three processes, their zygote and one thread.
      assert.equal(threads + (is_process and 1 or 3),
                   files.count("/proc/self/task"))
      assert.equal(children + (is_process and 1 or 0), #processes.children())
      assert.equal(is_process and 3 or 0, #processes.workers())
      local workers = is_process and pool:workers() or {}
      gate:open()
      pool:shutdown()
      check.eventually(function()
        return files.count("/proc/self/task") == threads
          and #processes.children() == children
      end, "the end of threads and processes")
      for _, row in ipairs(workers) do processes.wait_gone(row.pid) end
      assert.same({}, pool:workers())
      assert.equal(0, pool:stats().workers)
    end)

    it("runs callbacks while it waits", function()
      local pool, called = new_pool(2), 0
      for _ = 1, 10 do
        pool:submit("fixtures.basic:echo"):on_done(function()
          called = called + 1
        end)
      end
      pool:shutdown()
      tandem.poll(0)
      assert.equal(10, called)
    end)
  end, { concurrent = true })
end)

describe("a to-be-closed pool", function()
  for_each_pool(function(new_pool)
    it("is shut down at the end of its block", function()
      local kept, f
      do
        local pool <close> = new_pool(2, "loose")
        kept = pool
        f = pool:submit("fixtures.basic:echo", "done by then")
      end
      assert.equal("done", f:status())
      assert.equal("done by then", f:result(0))
      check.kind("closed", kept.submit, kept, "fixtures.basic:echo")
    end)

    it("may have been shut down before", function()
      do
        local pool <close> = new_pool(1, "loose")
        assert.is_true(pool:shutdown())
      end
    end)

    it("may be closed twice, but not used in between", function()
      local pool = new_pool(1, "loose")
      do local _ <close> = pool end
      do local _ <close> = pool end
      check.kind("closed", pool.submit, pool, "fixtures.basic:echo")
    end)

    it("lets the error go on that leaves its block", function()
      local thrown, kept = { "thrown" }, nil
      local err = check.raises(function()
        local pool <close> = new_pool(1, "loose")
        kept = pool
        error(thrown)
      end)
      assert.is_true(rawequal(thrown, err))
      check.kind("closed", kept.submit, kept, "fixtures.basic:echo")
    end)
  end)

  for_each_pool(function(new_pool)
    it("waits for its tasks at the end of its block", function()
      local log = files.directory() .. "/log"
      do
        local pool <close> = new_pool(2, "loose")
        for i = 1, 20 do pool:submit("fixtures.basic:note", log, i) end
      end
      assert.equal(20, #files.lines(log))
    end)

    it("cancels and stops its tasks when an error leaves its block", function()
      local gate, futures = gates.new(), {}
      local before = tandem.now()
      local err = check.raises(function()
        local pool <close> = new_pool(1, "loose")
        for i = 1, 10 do
          futures[i] = pool:submit("fixtures.gate:sleep", gate.path, 60)
        end
        gate:wait_started(1)
        error("left", 0)
      end)
      assert.equal("left", err)
      assert.is_true(tandem.now() - before < check.BOUND)
      assert.is_true(all_terminal(futures))
      for i = 2, 10 do assert.equal("cancelled", futures[i]:status()) end
      assert.is_true(tandem.is_error(futures[1]:error(), "cancelled"))
      assert.equal(1, gate:started())
    end)
  end, { concurrent = true })
end)
