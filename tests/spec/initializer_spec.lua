--- Initializers: what every worker does before its first task.
local check = require "spec.support.check"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local run_script = require "spec.support.script"
local scale = require "spec.support.scale"

-- Initializers that do not end, each in a way of its own.
local ENDLESS = scale.defers_signals and { "sleep" }
  or { "sleep", "loop", "loop_protected" }

describe("an initializer", function()
  for_each_pool(function(new_pool, kind)
    it("runs before the first task, with its arguments", function()
      local pool = new_pool {
        max_workers = 1, initializer = "fixtures.state:prepare",
        initargs = { 1, "two", { 3 } },
      }
      assert.same({ 1, "two", { 3 } }, (pool:call("fixtures.state:prepared")))
    end)

    it("runs once a worker, not once a task", function()
      local pool = new_pool {
        max_workers = 1, initializer = "fixtures.state:prepare",
      }
      for _ = 1, 5 do
        local _, times = pool:call("fixtures.state:prepared")
        assert.equal(1, times)
      end
    end)

    it("runs again in a state that replaces another", function()
      local pool = new_pool {
        max_workers = 1, initializer = "fixtures.state:prepare",
        max_tasks_per_worker = 2,
      }
      for _ = 1, 7 do
        local _, times = pool:call("fixtures.state:prepared")
        assert.equal(1, times)
      end
    end)

    it("may be a function of the script's own", function()
      local pool = new_pool {
        max_workers = 1, initargs = { 6, 7 },
        initializer = function(a, b) rawset(_G, "product", a * b) end,
      }
      assert.equal(42, pool:call("fixtures.state:get_global", "product"))
    end)

    it("that raises breaks the pool, with its error as the cause", function()
      local pool = new_pool {
        max_workers = 1, initializer = "fixtures.state:refuse_to_start",
      }
      for _ = 1, 2 do
        local err = check.kind("init", pool.call, pool, "fixtures.basic:echo")
        assert.matches("the initializer says no", tostring(err), 1, true)
        assert.matches("stack traceback", err.traceback, 1, true)
      end
      assert.is_true(pool:shutdown { timeout = check.BOUND })
    end)

    it("that is not there breaks the pool, with kind 'load'", function()
      for _, name in ipairs { "no.such.module:at_all", "fixtures.state:no" } do
        local pool = new_pool { max_workers = 1, initializer = name }
        check.kind("load", pool.call, pool, "fixtures.basic:echo")
      end
    end)

    it("that calls os.exit breaks the pool, and no more than that", function()
      local pool = new_pool {
        max_workers = 1, initializer = "fixtures.state:leave", initargs = { 3 },
      }
      for _ = 1, 2 do
        local err = check.kind(kind == "process" and "crashed" or "init",
                               pool.call, pool, "fixtures.basic:echo")
        if kind == "process" then
          assert.equal(3, err.code)
          assert.matches("three workers in a row", err.message, 1, true)
        end
      end
      assert.is_true(pool:shutdown { timeout = check.BOUND })
    end)

    it("is checked when the pool is made", function()
      for _, bad in ipairs { 42, true, {}, "", "a:b:c" } do
        check.misuse("initializer", new_pool, { initializer = bad })
      end
      for _, bad in ipairs { 42, "x", true, print } do
        check.misuse("initargs", new_pool, {
          initializer = "fixtures.state:prepare", initargs = bad,
        })
      end
      local upvalue = {}
      local err = check.raises(new_pool, {
        initializer = function() return upvalue end,
      })
      assert.matches("upvalue", tostring(err), 1, true)
      err = check.raises(new_pool, {
        initializer = "fixtures.state:prepare", initargs = { 1, { print } },
      })
      assert.matches("function", tostring(err), 1, true)
    end)
  end)

  for_each_pool(function(new_pool, kind)
    it("runs in each of the workers", function()
      local pool = new_pool {
        max_workers = 4, initializer = "fixtures.state:prepare",
        initargs = { "all" },
      }
      local gate, futures = gates.new(), {}
      for i = 1, 4 do
        futures[i] = pool:submit("fixtures.gate:wait", gate.path)
      end
      gate:wait_started(4)
      gate:open()
      for i = 1, 40 do
        futures[i] = pool:submit("fixtures.state:prepared")
      end
      for i = 1, 40 do
        local args, times = futures[i]:result(check.BOUND)
        assert.same({ "all" }, args)
        assert.equal(1, times)
      end
    end)

    it("that raises fails all that was pending", function()
      local pool = new_pool {
        max_workers = 2, initializer = "fixtures.state:refuse_to_start",
      }
      local futures = {}
      for i = 1, 20 do
        local ok, f = pcall(pool.submit, pool, "fixtures.basic:echo")
        if not ok then
          assert.equal("init", f.kind)
          break
        end
        futures[i] = f
      end
      -- A process may have failed before the first one was submitted.
      assert.is_true(kind == "process" or #futures >= 1)
      for _, f in ipairs(futures) do
        check.kind("init", f.result, f, check.BOUND)
        assert.equal("failed", f:status())
      end
    end)

    for _, name in ipairs(ENDLESS) do
      local function start()
        local gate = gates.new()
        local pool = new_pool {
          max_workers = 1, initializer = "fixtures.gate:" .. name,
          initargs = { gate.path, 1000 }, exit_timeout = check.BOUND,
        }
        local f = pool:submit("fixtures.basic:echo")
        gate:wait_started(1)
        assert.equal("pending", f:status())
        return pool, f
      end

      local function assert_cancelled(pool, f)
        assert.equal("cancelled", f:status())
        check.kind("cancelled", f.result, f)
        local stats = pool:stats()
        assert.same({ 1, 0, 0 },
                    { stats.cancelled, stats.failed, stats.pending })
      end

      it("is ended by a kill, its task being cancelled: " .. name, function()
        local pool, f = start()
        assert.is_true(pool:shutdown { kill = true, timeout = check.BOUND })
        assert_cancelled(pool, f)
      end)

      -- Of a process a loop goes on for as long as tasks would be granted.
      if kind == "thread" or name == "sleep" then
        it("is ended where an error leaves the scope: " .. name, function()
          local pool, f = start()
          check.raises(function()
            local _ <close> = pool
            error("on purpose")
          end)
          assert.is_true(pool:shutdown { timeout = check.BOUND })
          assert_cancelled(pool, f)
        end)
      end
    end
  end, { concurrent = true })

  it("that raises says so on stderr once, not once a worker", function()
    local code, out, err = run_script [[
      local tandem = require "tandem"
      local pool = tandem.thread_pool {
        max_workers = 4, initializer = "fixtures.state:refuse_to_start",
      }
      local futures = {}
      for i = 1, 20 do
        local ok, f = pcall(pool.submit, pool, "fixtures.basic:echo")
        if ok then futures[#futures + 1] = f end
      end
      tandem.wait(futures)
      pool:shutdown()
      print(#futures > 0)
    ]]
    assert.equal(0, code, err)
    assert.equal("true\n", out)
    local _, lines = err:gsub("the initializer says no", "")
    assert.is_true(lines <= 1, err)
  end)
end)
