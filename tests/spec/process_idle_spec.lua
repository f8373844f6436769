--- What happens to workers that have nothing to do, or are not ready to.
local check = require "spec.support.check"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local low = require "spec.support.low"
local processes = require "spec.support.processes"
local tandem = require "tandem"

local ENDS = { ["os.exit(3)"] = true, ["SIGKILL"] = true, ["SIGSEGV"] = true }

local function wait_idle(pool)
  return check.eventually(function()
    local row = pool:workers()[1]
    return row and row.status == "idle" and row
  end, "an idle worker").pid
end

describe("an idle worker process", function()
  for_each_pool(function(new_pool)
    for _, name in ipairs { "KILL", "SEGV", "TERM", "ABRT" } do
      it("is replaced silently when it gets SIG" .. name, function()
        local pool = new_pool(1)
        pool:call("fixtures.basic:echo")
        for i = 1, 5 do
          local pid = wait_idle(pool)
          low.kill(pid, name)
          processes.wait_gone(pid)
          local other, value = pool:call("fixtures.crash:innocent", i)
          assert.equal(i, value)
          assert.is_not.equal(pid, other)
        end
        local stats = pool:stats()
        assert.equal(6, stats.done)
        assert.equal(0, stats.failed)
        assert.equal(5, stats.restarts)
      end)
    end

    it("may be killed many times, right before a task", function()
      local pool = new_pool(1)
      for i = 1, 50 do
        local pid, value = pool:call("fixtures.crash:innocent", i)
        assert.equal(i, value)
        low.kill(pid, "KILL")
      end
      assert.equal(0, pool:stats().failed)
    end)

    it("may be killed while others work", function()
      local pool, gate = new_pool(2), gates.new()
      local running = pool:submit("fixtures.gate:wait", gate.path, "ran")
      gate:wait_started(1)
      for i = 1, 20 do
        local pid, value = pool:call("fixtures.crash:innocent", i)
        assert.equal(i, value)
        low.kill(pid, "KILL")
      end
      gate:open()
      assert.equal("ran", running:result(check.BOUND))
    end)

    for deed in pairs(ENDS) do
      it("that ends by its garbage has given its result: " .. deed, function()
        local pool = new_pool(1)
        for _ = 1, 5 do
          local pid = pool:call("fixtures.crash:litter", deed)
          processes.wait_gone(pid)
        end
        assert.equal("on", pool:call("fixtures.basic:echo", "on"))
        assert.equal(0, pool:stats().failed)
      end)
    end

    it("lives on after errors of its garbage", function()
      local pool = new_pool(1)
      local pid = pool:call("fixtures.crash:litter", "error(nil)")
      assert.equal(pid, pool:call("fixtures.crash:innocent"))
    end)

    it("that is stopped takes its task when it goes on", function()
      local pool = new_pool(1)
      pool:call("fixtures.basic:echo")
      local pid = wait_idle(pool)
      low.kill(pid, "STOP")
      local f = pool:submit("fixtures.basic:echo", "later")
      assert.is_false(f:wait(0.02))
      low.kill(pid, "CONT")
      assert.equal("later", f:result(check.BOUND))
    end)

    it("that is stopped does not hold up shutdown{kill=true}", function()
      local pool = new_pool(1)
      pool:call("fixtures.basic:echo")
      local pid = wait_idle(pool)
      low.kill(pid, "STOP")
      local f = pool:submit("fixtures.basic:echo")
      assert.is_true(pool:shutdown { kill = true, timeout = check.BOUND })
      assert.equal("cancelled", f:status())
      processes.wait_gone(pid)
    end)
  end, { kind = "process" })
end)

describe("an initializer of a worker process", function()
  for_each_pool(function(new_pool)
    local function pool_of(deed, path)
      return new_pool {
        max_workers = 1, memory_limit = 16 << 20,
        initializer = "fixtures.crash:run", initargs = { deed, path },
      }
    end

    -- All that is pending fails alike, and what comes later is refused.
    local function assert_broken(pool, kind)
      local futures, cause = {}, nil
      for i = 1, 5 do
        local ok, f = pcall(pool.submit, pool, "fixtures.basic:echo", i)
        if not ok then
          assert.equal(kind, f.kind, tostring(f))
          cause = f
          break
        end
        futures[i] = f
      end
      for _, f in ipairs(futures) do
        cause = check.kind(kind, f.result, f, check.BOUND)
      end
      check.kind(kind, pool.submit, pool, "fixtures.basic:echo")
      assert.is_true(pool:shutdown { timeout = check.BOUND })
      return cause
    end

    it("that is killed, exits or crashes breaks the pool", function()
      local told = {
        ["os.exit(3)"] = { code = 3 }, ["SIGKILL"] = { signal = "SIGKILL" },
        ["SIGSEGV"] = { signal = "SIGSEGV" },
      }
      for deed, ends in pairs(told) do
        local err = assert_broken(pool_of(deed), "crashed")
        assert.equal(ends.code, err.code)
        assert.equal(ends.signal, err.signal)
        assert.matches("three workers in a row", err.message, 1, true)
        assert.equal("integer", math.type(err.pid))
      end
    end)

    it("that raises breaks the pool, and says what it raised", function()
      local err = assert_broken(pool_of("error"), "init")
      assert.matches("on purpose", tostring(err), 1, true)
      assert_broken(pool_of("error(nil)"), "init")
    end)

    it("that is out of memory breaks the pool", function()
      local pool = pool_of("out of memory")
      local err = check.raises(pool.call, pool, "fixtures.basic:echo")
      assert.is_true(tandem.is_error(err))
      assert.matches("memory", tostring(err), 1, true)
      assert.is_true(pool:shutdown { timeout = check.BOUND })
    end)

    for _, deed in ipairs { "SIGSTOP", "endless output" } do
      it("that does not end can be ended by a kill: " .. deed, function()
        local gate = gates.new()
        local pool = pool_of(deed, gate.path)
        local f = pool:submit("fixtures.basic:echo")
        check.eventually(function()
          local worker = processes.workers()[1]
          return gate:started() == 1 or worker and worker.state == "T"
        end, deed)
        assert.equal("pending", f:status())
        assert.is_true(f:cancel("kill"))
        assert.equal("cancelled", f:status())
        local other = pool:submit("fixtures.basic:echo")
        assert.is_true(pool:shutdown { kill = true, timeout = check.BOUND })
        assert.equal("cancelled", other:status())
      end)
    end

    it("may fail once in a while, as long as others do not", function()
      local gate = gates.new()
      local pool = new_pool {
        max_workers = 1, max_tasks_per_worker = 1,
        initializer = "fixtures.crash:every_other", initargs = { gate.path },
      }
      for i = 1, 6 do
        assert.equal(i, pool:submit("fixtures.basic:echo", i)
          :result(check.BOUND))
      end
    end)
  end, { kind = "process" })
end)
