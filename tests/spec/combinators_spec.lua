--- as_completed, all, any.
local check = require "spec.support.check"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local tandem = require "tandem"

local function collect(iterator, a, b, c)
  local list = {}
  for f in iterator, a, b, c do list[#list + 1] = f end
  return list
end

describe("as_completed", function()
  for_each_pool(function(new_pool)
    it("yields each future once", function()
      local pool, futures = new_pool(2), {}
      for i = 1, 20 do futures[i] = pool:submit("fixtures.basic:echo", i) end
      local list = collect(tandem.as_completed(futures))
      check.same_members(futures, list)
      for _, f in ipairs(list) do assert.is_true(f:done()) end
    end)

    it("yields failures like the rest", function()
      local pool = new_pool(1)
      local futures = { pool:submit("fixtures.failing:boom"),
                        pool:submit("fixtures.basic:echo") }
      check.same_members(futures, collect(tandem.as_completed(futures)))
    end)

    it("yields a future once that is listed three times", function()
      local f = new_pool(1):submit("fixtures.basic:echo")
      check.same_members({ f }, collect(tandem.as_completed { f, f, f }))
    end)

    it("yields nothing for no futures", function()
      assert.same({}, collect(tandem.as_completed({})))
      assert.same({}, collect(tandem.as_completed({}, 0)))
    end)

    it("has copied the list before the loop begins", function()
      local pool = new_pool(1)
      local futures = { pool:submit("fixtures.basic:echo"),
                        pool:submit("fixtures.basic:echo") }
      local expected = { table.unpack(futures) }
      local list = {}
      for f in tandem.as_completed(futures) do
        list[#list + 1] = f
        futures[#futures + 1] = pool:submit("fixtures.basic:echo")
      end
      check.same_members(expected, list)
    end)

    it("gives finished futures though it has no time", function()
      local pool = new_pool(1)
      local futures = { pool:submit("fixtures.basic:echo"),
                        pool:submit("fixtures.basic:echo") }
      tandem.wait(futures)
      check.same_members(futures, collect(tandem.as_completed(futures, 0)))
      check.same_members(futures, collect(tandem.as_completed(futures, -1)))
    end)

    it("can be left early without harm", function()
      local pool, futures = new_pool(1), {}
      for i = 1, 5 do futures[i] = pool:submit("fixtures.basic:echo", i) end
      local seen = 0
      for f in tandem.as_completed(futures) do
        assert.is_true(f:done())
        seen = seen + 1
        if seen == 2 then break end
      end
      assert.equal(2, seen)
      for i, f in ipairs(futures) do assert.equal(i, f:result(check.BOUND)) end
    end)

    it("refuses what is no list of futures, and no timeout", function()
      local f = new_pool(1):submit("fixtures.basic:echo")
      for _, bad in ipairs { 42, "x", true, print } do
        check.misuse("bad argument #1", tandem.as_completed, bad)
      end
      check.misuse("bad argument #1", tandem.as_completed)
      check.misuse("2", tandem.as_completed, { f, "x" })
      for _, bad in ipairs { "1", true, {}, print } do
        check.misuse("bad argument #2", tandem.as_completed, { f }, bad)
      end
    end)
  end)

  for_each_pool(function(new_pool)
    -- Two held futures, and two that are done.
    local function half_done()
      local pool, one, two = new_pool(2), gates.new(), gates.new()
      local quick = { pool:submit("fixtures.basic:echo", 1),
                      pool:submit("fixtures.basic:echo", 2) }
      tandem.wait(quick)
      local first = pool:submit("fixtures.gate:wait", one.path)
      local second = pool:submit("fixtures.gate:wait", two.path)
      return { first, quick[1], second, quick[2] }, one, two, quick
    end

    it("yields finished futures first", function()
      local futures, one, two, quick = half_done()
      local list = {}
      for f in tandem.as_completed(futures) do
        list[#list + 1] = f
        if #list == 2 then two:open() end
        if #list == 3 then one:open() end
      end
      check.same_members(quick, { list[1], list[2] })
      assert.equal(futures[3], list[3])
      assert.equal(futures[1], list[4])
    end)

    it("says how many were not done in time", function()
      local futures = half_done()
      for _, timeout in ipairs { 0, 0.05 } do
        local list, before = {}, tandem.now()
        local err = check.kind("timeout", function()
          for f in tandem.as_completed(futures, timeout) do
            list[#list + 1] = f
          end
        end)
        assert.equal(2, #list)
        assert.is_true(tandem.now() - before >= timeout)
        assert.matches("2 (of 4)", tostring(err), 1, true)
      end
    end)

    it("takes its timeout for the whole loop", function()
      local futures, one = half_done()
      one:open()
      futures[1]:wait(check.BOUND)
      local iterator = tandem.as_completed(futures, 0.05)
      local deadline = tandem.now() + 0.06
      while tandem.now() < deadline do end
      -- The time is over, but what is done is not thrown away.
      for _ = 1, 3 do assert.is_not_nil(iterator()) end
      check.kind("timeout", iterator)
    end)

    it("yields cancelled futures", function()
      local pool, gate = new_pool(1), gates.new()
      pool:submit("fixtures.gate:wait", gate.path)
      local f = pool:submit("fixtures.basic:echo")
      f:cancel()
      local list = collect(tandem.as_completed({ f }, check.BOUND))
      check.same_members({ f }, list)
    end)
  end, { concurrent = true })
end)

describe("tandem.all", function()
  for_each_pool(function(new_pool)
    it("gives all results as packed tables, in the order asked", function()
      local pool = new_pool(2)
      local f = tandem.all {
        pool:submit("fixtures.basic:echo", 1, nil, 3),
        pool:submit("fixtures.basic:nothing"),
        pool:submit("fixtures.basic:echo", nil),
      }
      local list = f:result(check.BOUND)
      assert.same({ { n = 3, 1, nil, 3 }, { n = 0 }, { n = 1 } }, list)
      assert.equal("done", f:status())
    end)

    it("of nothing is an empty list", function()
      local f = tandem.all {}
      assert.equal("done", f:status())
      assert.same({}, f:result())
    end)

    it("of one future listed twice gives its results twice", function()
      local f = new_pool(1):submit("fixtures.basic:echo", 7)
      assert.same({ { n = 1, 7 }, { n = 1, 7 } }, tandem.all { f, f }:result())
    end)

    it("fails with the error of one that failed, unchanged", function()
      local pool = new_pool(2)
      local f = tandem.all {
        pool:submit("fixtures.basic:echo"),
        pool:submit("fixtures.failing:raise", { code = 9 }),
      }
      assert.same({ code = 9 }, check.raises(f.result, f, check.BOUND))
      assert.equal("failed", f:status())
      assert.same({ code = 9 }, (f:error()))
    end)

    it("calls callbacks like any other future", function()
      local f = tandem.all { new_pool(1):submit("fixtures.basic:echo", 1) }
      local called = 0
      f:on_done(function(g)
        assert(g == f)
        called = called + 1
      end)
      f:wait(check.BOUND)
      tandem.poll(0)
      assert.equal(1, called)
    end)

    it("can be combined further", function()
      local pool = new_pool(2)
      local inner = tandem.all { pool:submit("fixtures.basic:echo", 1) }
      local outer = tandem.all { inner, pool:submit("fixtures.basic:echo", 2) }
      assert.same({ { n = 1, { { n = 1, 1 } } }, { n = 1, 2 } },
                  outer:result(check.BOUND))
      local done = tandem.wait({ inner, outer }, { timeout = check.BOUND })
      check.same_members({ inner, outer }, done)
    end)
  end)

  for_each_pool(function(new_pool)
    it("waits for the last, and fails with the first", function()
      local pool, gate = new_pool(2), gates.new()
      local held = pool:submit("fixtures.gate:wait", gate.path, "held")
      local good = tandem.all { held, pool:submit("fixtures.basic:echo", 1) }
      local bad = tandem.all { held, pool:submit("fixtures.failing:raise", 7) }
      assert.equal(7, bad:error(check.BOUND))
      assert.is_false(good:wait(0))
      assert.is_false(held:done())
      gate:open()
      assert.same({ { n = 1, "held" }, { n = 1, 1 } },
                  good:result(check.BOUND))
    end)

    it("takes a cancelled member for a failure", function()
      local pool, gate = new_pool(1), gates.new()
      pool:submit("fixtures.gate:wait", gate.path)
      local pending = pool:submit("fixtures.basic:echo")
      local f = tandem.all { pending }
      pending:cancel()
      check.kind("cancelled", f.result, f, check.BOUND)
    end)
  end, { concurrent = true })
end)

describe("tandem.any", function()
  for_each_pool(function(new_pool)
    it("gives the results of one that succeeded", function()
      local pool = new_pool(1)
      local f = tandem.any {
        pool:submit("fixtures.failing:boom"),
        pool:submit("fixtures.basic:echo", 1, nil, 3),
      }
      assert.same({ n = 3, 1, nil, 3 }, table.pack(f:result(check.BOUND)))
      assert.equal("done", f:status())
    end)

    it("fails with the last error when all have failed", function()
      local pool = new_pool(1)
      local one = pool:submit("fixtures.failing:raise", 1)
      one:wait(check.BOUND)
      local two = pool:submit("fixtures.failing:raise", 2)
      local f = tandem.any { one, two }
      assert.equal(2, f:error(check.BOUND))
      assert.equal("failed", f:status())
    end)
  end)

  for_each_pool(function(new_pool)
    it("fails with the error that came last, not with the last listed",
      function()
        local pool, gate = new_pool(2), gates.new()
        local late = pool:submit("fixtures.gate:fail", gate.path, "late")
        local early = pool:submit("fixtures.failing:raise", "early")
        local f = tandem.any { late, early }
        early:wait(check.BOUND)
        gate:open()
        assert.equal("late", f:error(check.BOUND))
      end)

    it("waits for none but the first success", function()
      local pool, gate = new_pool(2), gates.new()
      local held = pool:submit("fixtures.gate:wait", gate.path)
      local quick = pool:submit("fixtures.basic:echo", "quick")
      local f = tandem.any { held, quick }
      assert.equal("quick", f:result(check.BOUND))
      assert.is_false(held:done())
    end)
  end, { concurrent = true })

  it("refuses what is no list of futures, as all does", function()
    for _, combine in ipairs { tandem.all, tandem.any } do
      for _, bad in ipairs { 42, "x", true, print, io.stdout } do
        check.misuse("bad argument #1", combine, bad)
      end
      check.misuse("bad argument #1", combine)
      check.misuse("1", combine, { "x" })
    end
  end)
end)
