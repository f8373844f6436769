--- Tasks that are run again when they lost their worker.
local check = require "spec.support.check"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local low = require "spec.support.low"
local scale = require "spec.support.scale"

describe("with{retries=}", function()
  for_each_pool(function(new_pool)
    it("refuses what is no count", function()
      local pool = new_pool(1)
      for _, bad in ipairs { -1, 1.5, "1", true, {}, 0 / 0, math.huge,
                             math.maxinteger } do
        check.misuse_of("retries", pool, "with", { retries = bad })
        check.misuse_of("retries", pool:with {}, "with", { retries = bad })
      end
      for _, good in ipairs { 0, 1, 2.0, 10 } do
        assert.equal(good, pool:with({ retries = good })
          :call("fixtures.basic:echo", good))
      end
    end)

    it("does not run a task again that raised", function()
      local pool = new_pool(1)
      local log = gates.new()
      local f = pool:with({ retries = 3 }):submit("fixtures.gate:fail_by",
                                                  log.path, "no more")
      assert.equal("no more", f:error())
      assert.equal(1, log:started())
      assert.equal(1, f:info().attempt)
    end)

    it("shows in the attempt, which is the first one otherwise", function()
      local pool = new_pool(1)
      local f = pool:with({ retries = 2 }):submit("fixtures.inside:current")
      assert.equal(1, f:result().attempt)
      assert.equal(1, f:info().attempt)
      assert.equal(1, pool:call("fixtures.inside:current").attempt)
    end)
  end)

  for_each_pool(function(new_pool)
    for _, deed in ipairs { "SIGKILL", "SIGSEGV", "os.exit(3)" } do
      it("runs a task again whose worker was lost by " .. deed, function()
        local pool = new_pool(1)
        for lost = 0, 2 do
          local f = pool:with({ retries = 2 })
            :submit("fixtures.crash:at_first", lost, deed)
          assert.equal(lost + 1, f:result(check.BOUND))
          assert.equal(lost + 1, f:info().attempt)
          assert.equal("done", f:status())
        end
        local stats = pool:stats()
        assert.equal(3, stats.done)
        assert.equal(0, stats.failed)
        assert.equal(3, stats.restarts)
      end)
    end

    it("has an end: then the task fails with kind 'crashed'", function()
      local pool = new_pool(1)
      local f = pool:with({ retries = 1 })
        :submit("fixtures.crash:at_first", 5, "SIGKILL")
      local err = check.kind("crashed", f.result, f, check.BOUND)
      assert.equal("SIGKILL", err.signal)
      assert.equal(2, f:info().attempt)
      assert.equal("on", pool:call("fixtures.basic:echo", "on"))
    end)

    it("is 0 by default", function()
      local pool = new_pool(1)
      for _, view in ipairs { pool, pool:with {}, pool:with { retries = 0 } } do
        pool:call("fixtures.basic:echo")
        local f = view:submit("fixtures.crash:at_first", 1, "SIGKILL")
        check.kind("crashed", f.result, f, check.BOUND)
        assert.equal(1, f:info().attempt)
      end
    end)

    it("takes the task before those that came after it", function()
      local pool, gate = new_pool(1), gates.new()
      local log = gate.path .. ".log"
      local first = pool:submit("fixtures.gate:wait", gate.path)
      gate:wait_started(1)
      pool:with({ retries = 1 }):submit("fixtures.crash:note", log, "lost", 1)
      for i = 1, 3 do
        pool:submit("fixtures.crash:note", log, i, 0)
      end
      gate:open()
      assert.is_true(first:wait(check.BOUND))
      assert.is_true(pool:shutdown { timeout = check.BOUND })
      local file <close> = io.open(log)
      assert.equal("lost 1\nlost 2\n1 1\n2 1\n3 1\n", file:read("a"))
    end)

    it("does not run a task again that was killed", function()
      local pool, gate = new_pool(1), gates.new()
      local f = pool:with({ retries = 5 })
        :submit("fixtures.gate:wait", gate.path)
      gate:wait_started(1)
      assert.is_true(f:cancel("kill"))
      assert.equal("on", pool:call("fixtures.basic:echo", "on"))
      assert.equal("cancelled", f:status())
      assert.equal(1, gate:started())
    end)

    it("does not run a task again that shutdown has killed", function()
      local pool, gate = new_pool(1), gates.new()
      local f = pool:with({ retries = 5 })
        :submit("fixtures.gate:wait", gate.path)
      gate:wait_started(1)
      assert.is_true(pool:shutdown { kill = true, timeout = check.BOUND })
      assert.equal("cancelled", f:status())
      assert.equal(1, gate:started())
    end)

    it("keeps all results, whoever kills the workers", function()
      local pool, futures = new_pool(3), {}
      local view = pool:with { retries = 20 }
      for i = 1, scale.slow and 60 or 300 do
        futures[i] = view:submit("fixtures.crash:innocent", i)
      end
      for i, f in ipairs(futures) do
        local pid, value = f:result(check.BOUND)
        assert.equal(i, value)
        if i % 15 == 0 then low.kill(pid, "KILL") end
      end
      assert.equal(0, pool:stats().failed)
    end)

    it("holds for the items of a map", function()
      local pool, items = new_pool(2), {}
      for i = 1, 20 do items[i] = { i % 4 == 0 and 1 or 0, "SIGKILL" } end
      local attempts = pool:with({ retries = 1 })
        :starmap("fixtures.crash:at_first", items, { chunk = 1 }):collect()
      for i = 1, 20 do assert.equal(i % 4 == 0 and 2 or 1, attempts[i]) end
    end)
  end, { kind = "process" })
end)

describe("a map over items that end their worker", function()
  for_each_pool(function(new_pool)
    local ITEMS = { 1, 2, 3, -4, 5, 6, 7, 8 }

    it("raises at that item", function()
      local pool, seen = new_pool(1), {}
      local err = check.kind("crashed", function()
        for i, v in pool:map("fixtures.crash:item", ITEMS, { chunk = 1 }) do
          seen[i] = v
        end
      end)
      assert.equal("SIGKILL", err.signal)
      assert.equal("fixtures.crash:item", err.task)
      assert.same({ 10, 20, 30 }, seen)
      assert.equal("on", pool:call("fixtures.basic:echo", "on"))
    end)

    it("goes on with on_error='collect'", function()
      local rows = check.drain(new_pool(2):map("fixtures.crash:item", ITEMS,
        { chunk = 1, on_error = "collect" }))
      assert.equal(8, #rows)
      for i, row in ipairs(rows) do
        assert.equal(i, row[1])
        if i == 4 then
          assert.is_nil(row[2])
          assert.equal("crashed", row[3].kind)
        else
          assert.equal(10 * ITEMS[i], row[2])
        end
      end
    end)

    it("loses the items of that chunk, and no others", function()
      for _, ordered in ipairs { true, false } do
        local rows = check.drain(new_pool(2):map("fixtures.crash:item", ITEMS,
          { chunk = 2, on_error = "collect", ordered = ordered }))
        table.sort(rows, function(a, b) return a[1] < b[1] end)
        assert.equal(8, #rows)
        for i, row in ipairs(rows) do
          if i == 3 or i == 4 then
            assert.is_nil(row[2])
            assert.equal("crashed", row[3].kind)
          else
            assert.equal(10 * ITEMS[i], row[2])
          end
        end
      end
    end)

    it("is the same for starmap and for reduce", function()
      local pool = new_pool(2)
      local rows = check.drain(pool:starmap("fixtures.crash:item",
        { { 1 }, { -2 }, { 3 } }, { chunk = 1, on_error = "collect" }))
      assert.equal(10, rows[1][2])
      assert.equal("crashed", rows[2][3].kind)
      assert.equal(30, rows[3][2])
      check.kind("crashed", pool.reduce, pool, "fixtures.crash:item",
                 "fixtures.basic:add", ITEMS, { chunk = 2 })
      assert.equal(60, pool:reduce("fixtures.crash:item", "fixtures.basic:add",
                                   { 1, 2, 3 }))
    end)
  end, { kind = "process" })
end)
