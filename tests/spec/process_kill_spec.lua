--- Hard ends: f:cancel("kill") and shutdown{kill=true}.
local check = require "spec.support.check"
local files = require "spec.support.files"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local processes = require "spec.support.processes"
local scale = require "spec.support.scale"
local tandem = require "tandem"

require "spec.support.low"

-- Tasks that end by nothing but a kill; each tells by a gate that it runs.
local STUBBORN = {
  ["waits in the kernel"] = "fixtures.gate:wait",
  ["loops"] = "fixtures.gate:loop",
  ["loops and catches every error"] = "fixtures.gate:loop_protected",
  ["waits for a child"] = "fixtures.crash:wait_for_child",
  ["is stopped"] = "fixtures.crash:stop",
}

local function wait_running(f, gate)
  gate:wait_started(1)
  assert.equal("running", f:status())
end

describe("cancel('kill')", function()
  for_each_pool(function(new_pool, kind)
    it("leaves a finished future as it is", function()
      local pool = new_pool(1)
      local good = pool:submit("fixtures.basic:echo", "kept")
      local bad = pool:submit("fixtures.failing:raise", "kept too")
      tandem.wait { good, bad }
      assert.is_false(good:cancel("kill"))
      assert.is_false(bad:cancel("kill"))
      assert.equal("kept", good:result())
      assert.equal("kept too", bad:error())
      assert.equal(0, pool:stats().restarts)
      if kind == "process" then
        assert.equal(1, #processes.workers())
      end
    end)
  end)

  for_each_pool(function(new_pool)
    it("is refused by a pool of threads", function()
      local pool, gate = new_pool(1), gates.new()
      local f = pool:submit("fixtures.gate:wait", gate.path, "ran")
      gate:wait_started(1)
      check.misuse_of("thread pool", f, "cancel", "kill")
      assert.equal("running", f:status())
      gate:open()
      assert.equal("ran", f:result(check.BOUND))
    end)
  end, { kind = "thread" })

  for_each_pool(function(new_pool)
    it("ends a pending future, and no worker", function()
      local pool, gate = new_pool(1), gates.new()
      local running = pool:submit("fixtures.gate:wait", gate.path, "ran")
      local pending = pool:submit("fixtures.gate:pass_by", gate.path)
      wait_running(running, gate)
      assert.is_true(pending:cancel("kill"))
      assert.equal("cancelled", pending:status())
      assert.is_true(pending:cancel("kill"))
      gate:open()
      assert.equal("ran", running:result(check.BOUND))
      assert.is_true(pool:shutdown { timeout = check.BOUND })
      assert.equal(1, gate:started())
      assert.equal(0, pool:stats().restarts)
    end)

    for what, task in pairs(STUBBORN) do
      it("ends a task at once that " .. what, function()
        local pool, gate = new_pool(1), gates.new()
        local f = pool:submit(task, gate.path)
        wait_running(f, gate)
        local pid = pool:workers()[1].pid
        assert.is_true(f:cancel("kill"))
        assert.equal("cancelled", f:status())
        assert.is_true(f:done())
        check.kind("cancelled", f.result, f)
        assert.is_true(f:cancel("kill"))
        processes.wait_gone(pid)
        local other = pool:call("fixtures.crash:innocent")
        assert.is_not.equal(pid, other)
        local stats = pool:stats()
        assert.equal(1, stats.cancelled)
        assert.equal(0, stats.failed)
        assert.equal(1, stats.restarts)
      end)
    end

    it("ends what the task has started, too", function()
      local pool, gate = new_pool(1), gates.new()
      local f = pool:submit("fixtures.crash:wait_for_child", gate.path)
      local child = check.eventually(function()
        return tonumber(files.read(gate.path .. ".pid"))
      end, "a child of the worker")
      assert.is_true(processes.is_alive(child))
      assert.equal(pool:workers()[1].pid, processes.look(child).group)
      assert.is_true(f:cancel("kill"))
      processes.wait_gone(child)
    end)

    it("hurts that task alone", function()
      local pool, gate, futures = new_pool(4), gates.new(), {}
      for i = 1, 4 do
        futures[i] = pool:submit("fixtures.gate:wait", gate.path, i)
      end
      local behind = pool:submit("fixtures.basic:echo", "behind")
      gate:wait_started(4)
      assert.is_true(futures[2]:cancel("kill"))
      assert.equal("behind", behind:result(check.BOUND))
      gate:open()
      for i, f in ipairs(futures) do
        if i ~= 2 then assert.equal(i, f:result(check.BOUND)) end
      end
    end)

    it("calls callbacks once, with the future", function()
      local pool, gate, called = new_pool(1), gates.new(), {}
      local f = pool:submit("fixtures.gate:wait", gate.path)
      f:on_done(function(g) called[#called + 1] = g end)
      wait_running(f, gate)
      f:cancel("kill")
      f:cancel("kill")
      check.kind("cancelled", f.result, f)
      assert.equal("on", pool:call("fixtures.basic:echo", "on"))
      tandem.poll(0)
      assert.equal(1, #called)
      assert.is_true(called[1] == f)
    end)

    it("is no more than the result where that comes first", function()
      local pool = new_pool(2)
      local n = scale.down(200)
      for i = 1, n do
        local f = pool:submit("fixtures.basic:echo", i)
        if i % 3 == 0 then f:wait(0.0001) end
        if f:cancel("kill") then
          assert.equal("cancelled", f:status())
        else
          assert.equal(i, f:result(check.BOUND))
        end
      end
      assert.equal(n, pool:stats().done + pool:stats().cancelled)
    end)

    it("ends many tasks one after the other", function()
      local pool = new_pool(1)
      for _ = 1, 20 do
        local gate = gates.new()
        local f = pool:submit("fixtures.gate:wait", gate.path)
        gate:wait_started(1)
        assert.is_true(f:cancel("kill"))
      end
      assert.equal("on", pool:call("fixtures.basic:echo", "on"))
      assert.equal(20, pool:stats().restarts)
    end)
  end, { kind = "process" })
end)

describe("shutdown{kill=true}", function()
  for_each_pool(function(new_pool)
    for what, task in pairs(STUBBORN) do
      it("ends at once, though a task " .. what, function()
        local pool, gate, futures = new_pool(2), gates.new(), {}
        local n = scale.down(1000)
        for i = 1, 2 do futures[i] = pool:submit(task, gate.path) end
        for i = 3, n do futures[i] = pool:submit("fixtures.basic:echo") end
        gate:wait_started(2)
        local workers = pool:workers()
        assert.is_true(pool:shutdown { kill = true, timeout = check.BOUND })
        for _, f in ipairs(futures) do assert.equal("cancelled", f:status()) end
        -- A process that is killed closes its channel, then becomes a zombie.
        for _, row in ipairs(workers) do processes.wait_gone(row.pid) end
        assert.equal(n, pool:stats().cancelled)
      end)
    end

    it("does nothing before any worker, and where all is over", function()
      local pool = new_pool(2)
      assert.is_true(pool:shutdown { kill = true })
      assert.is_true(pool:shutdown { kill = true })
      pool = new_pool(2)
      local f = pool:submit("fixtures.basic:echo", "done")
      assert.is_true(pool:shutdown())
      assert.is_true(pool:shutdown { kill = true })
      assert.equal("done", f:result(0))
    end)

    it("ends workers that are only just starting", function()
      local gate = gates.new()
      for _ = 1, 20 do
        local pool = new_pool(3, "loose")
        local f = pool:submit("fixtures.gate:loop", gate.path)
        pool:submit("fixtures.basic:echo")
        assert.is_true(pool:shutdown { kill = true, timeout = check.BOUND })
        assert.is_true(f:done())
      end
    end)

    it("may follow a shutdown that was given up", function()
      local pool, gate = new_pool(1), gates.new()
      local f = pool:submit("fixtures.gate:loop", gate.path)
      wait_running(f, gate)
      local ended, unfinished = pool:shutdown { timeout = 0.01 }
      assert.is_false(ended)
      check.same_members({ f }, unfinished)
      assert.is_true(pool:shutdown { kill = true })
      assert.equal("cancelled", f:status())
    end)

    it("need not wait", function()
      local pool, gate = new_pool(1), gates.new()
      local f = pool:submit("fixtures.gate:loop", gate.path)
      wait_running(f, gate)
      local pid = pool:workers()[1].pid
      pool:shutdown { kill = true, wait = false }
      assert.equal("cancelled", f:status())
      processes.wait_gone(pid)
    end)
  end, { kind = "process" })
end)

describe("a block left by an error", function()
  for_each_pool(function(new_pool)
    it("kills what does not end, after the pool's exit_timeout", function()
      local gate, futures, pid = gates.new(), {}, nil
      local before = tandem.now()
      local err = check.raises(function()
        local pool <close> = new_pool(
          { max_workers = 1, exit_timeout = 0.1 }, "loose")
        for i = 1, 10 do
          futures[i] = pool:submit("fixtures.gate:loop", gate.path)
        end
        gate:wait_started(1)
        pid = pool:workers()[1].pid
        error("left", 0)
      end)
      assert.equal("left", err)
      assert.is_true(tandem.now() - before < check.BOUND)
      for _, f in ipairs(futures) do
        assert.is_true(f:done())
        check.kind("cancelled", f.result, f)
      end
      processes.wait_gone(pid)
      assert.equal(1, gate:started())
    end)
  end, { kind = "process" })
end)
