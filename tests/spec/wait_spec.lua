--- Waiting for several futures.
local check = require "spec.support.check"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local run_script = require "spec.support.script"
local tandem = require "tandem"

describe("tandem.wait", function()
  for_each_pool(function(new_pool)
    local function echoes(n)
      local pool, futures = new_pool(2), {}
      for i = 1, n do futures[i] = pool:submit("fixtures.basic:echo", i) end
      return futures
    end

    it("returns when all are done", function()
      local futures = echoes(10)
      local done, not_done = tandem.wait(futures)
      check.same_members(futures, done)
      assert.same({}, not_done)
      for i, f in ipairs(futures) do assert.equal(i, f:result(0)) end
    end)

    it("returns at once for no futures, however it is asked", function()
      for _, how in ipairs { "all", "first", "first_error" } do
        local done, not_done = tandem.wait({}, { return_when = how })
        assert.same({}, done)
        assert.same({}, not_done)
      end
      assert.same({}, (tandem.wait({})))
    end)

    it("counts a future once, however often it is listed", function()
      local f = echoes(1)[1]
      local done, not_done = tandem.wait { f, f, f }
      check.same_members({ f }, done)
      assert.same({}, not_done)
    end)

    it("never raises the error of a future", function()
      local pool = new_pool(1)
      local bad = pool:submit("fixtures.failing:boom")
      local done = tandem.wait({ bad }, { return_when = "first_error" })
      check.same_members({ bad }, done)
    end)

    it("takes futures of several pools", function()
      local one, other = echoes(3), echoes(3)
      local futures = { one[1], other[1], one[2], other[2], one[3], other[3] }
      check.same_members(futures, (tandem.wait(futures)))
    end)

    it("does not change the list it is given", function()
      local futures = echoes(3)
      local copy = { table.unpack(futures) }
      tandem.wait(futures)
      assert.same(copy, futures)
    end)

    it("names the member that is no future", function()
      local f = echoes(1)[1]
      check.misuse("bad argument #1", tandem.wait, { 1 })
      check.misuse("2", tandem.wait, { f, "x" })
      check.misuse("3", tandem.wait, { f, f, {} })
    end)

    it("refuses wrong arguments and options", function()
      local futures = echoes(1)
      for _, bad in ipairs { 42, "x", true, print } do
        check.misuse("bad argument #1", tandem.wait, bad)
        check.misuse("bad argument #2", tandem.wait, futures, bad)
      end
      check.misuse("bad argument #1", tandem.wait)
      check.misuse("return_when", tandem.wait, futures, { return_when = "x" })
      check.misuse("return_when", tandem.wait, futures, { return_when = 1 })
      check.misuse("timeout", tandem.wait, futures, { timeout = "1" })
      check.misuse("timeouts", tandem.wait, futures, { timeouts = 1 })
    end)
  end)

  for_each_pool(function(new_pool)
    -- Futures of two workers: each gate holds one.
    local function two_held()
      local pool, one, two = new_pool(2), gates.new(), gates.new()
      local first = pool:submit("fixtures.gate:wait", one.path)
      local second = pool:submit("fixtures.gate:wait", two.path)
      one:wait_started(1)
      two:wait_started(1)
      return pool, first, second, one, two
    end

    it("splits at once where it has no time", function()
      local pool, first, second, one = two_held()
      one:open()
      first:wait(check.BOUND)
      local done_too = pool:submit("fixtures.basic:echo")
      done_too:wait(check.BOUND)
      for _, timeout in ipairs { 0, -1, -math.huge } do
        local done, not_done = tandem.wait({ first, second, done_too },
                                           { timeout = timeout })
        check.same_members({ first, done_too }, done)
        check.same_members({ second }, not_done)
      end
    end)

    it("waits as long as it was told, and no less", function()
      local _, first, second = two_held()
      local before = tandem.now()
      local done, not_done = tandem.wait({ first, second }, { timeout = 0.05 })
      assert.is_true(tandem.now() - before >= 0.05)
      assert.same({}, done)
      check.same_members({ first, second }, not_done)
    end)

    it("for the first: returns at once where one is done", function()
      local pool, first, _, one = two_held()
      one:open()
      first:wait(check.BOUND)
      local f = pool:submit("fixtures.basic:echo")
      f:wait(check.BOUND)
      local gate = gates.new()
      local running = pool:submit("fixtures.gate:wait", gate.path)
      local done, not_done = tandem.wait({ running, f },
                                         { return_when = "first" })
      check.same_members({ f }, done)
      check.same_members({ running }, not_done)
    end)

    it("for the first: returns with the one that ends", function()
      local _, first, second, _, two = two_held()
      two:open_later(0.02)
      local done, not_done = tandem.wait({ first, second },
        { return_when = "first", timeout = check.BOUND })
      check.same_members({ second }, done)
      check.same_members({ first }, not_done)
    end)

    it("for the first: takes a cancelled one", function()
      local pool, first, second = two_held()
      local pending = pool:submit("fixtures.basic:echo")
      pending:cancel()
      local done = tandem.wait({ first, second, pending },
        { return_when = "first", timeout = check.BOUND })
      check.same_members({ pending }, done)
    end)

    it("for the first error: returns when it comes", function()
      local pool, one, two, three = new_pool(3), gates.new(), gates.new(),
                                    gates.new()
      local good = pool:submit("fixtures.gate:wait", one.path)
      local bad = pool:submit("fixtures.gate:fail", two.path, "bad")
      local held = pool:submit("fixtures.gate:wait", three.path)
      one:open()
      good:wait(check.BOUND)
      two:wait_started(1)
      two:open_later(0.02)
      local done, not_done = tandem.wait({ good, bad, held },
        { return_when = "first_error", timeout = check.BOUND })
      check.same_members({ good, bad }, done)
      check.same_members({ held }, not_done)
    end)

    it("for the first error: returns at once where one has failed", function()
      local pool, gate = new_pool(2), gates.new()
      local bad = pool:submit("fixtures.failing:boom")
      bad:wait(check.BOUND)
      local held = pool:submit("fixtures.gate:wait", gate.path)
      local done, not_done = tandem.wait({ held, bad },
                                         { return_when = "first_error" })
      check.same_members({ bad }, done)
      check.same_members({ held }, not_done)
    end)

    it("for the first error: takes no cancelled one for an error", function()
      local pool, first, second, one, two = two_held()
      local pending = pool:submit("fixtures.basic:echo")
      pending:cancel()
      local done, not_done = tandem.wait({ first, second, pending },
        { return_when = "first_error", timeout = 0.05 })
      check.same_members({ pending }, done)
      check.same_members({ first, second }, not_done)
      one:open()
      two:open()
      done = tandem.wait({ first, second, pending },
        { return_when = "first_error", timeout = check.BOUND })
      check.same_members({ first, second, pending }, done)
    end)

    it("misses none of a hundred that end together", function()
      for _ = 1, 20 do
        local pool, gate, futures = new_pool(16), gates.new(), {}
        for i = 1, 100 do
          futures[i] = pool:submit("fixtures.gate:wait", gate.path, i)
        end
        gate:wait_started(16)
        gate:open()
        local before = tandem.now()
        local done, not_done = tandem.wait(futures, { timeout = check.BOUND })
        assert.is_true(tandem.now() - before < check.BOUND, "a lost wake-up")
        assert.equal(100, #done)
        assert.equal(0, #not_done)
        -- Twenty at a time would want more descriptors than there may be.
        assert.is_true(pool:shutdown { timeout = check.BOUND })
      end
    end)

    it("runs callbacks meanwhile", function()
      local _, first, second, one, two = two_held()
      local called = 0
      first:on_done(function() called = called + 1 end)
      second:on_done(function() called = called + 1 end)
      one:open()
      two:open()
      tandem.wait({ first, second }, { timeout = check.BOUND })
      assert.equal(2, called)
    end)

    it("serves futures that a callback has just added to", function()
      local pool, first, _, one = two_held()
      local late
      first:on_done(function()
        late = pool:submit("fixtures.basic:echo", "late")
      end)
      one:open()
      tandem.wait({ first }, { timeout = check.BOUND })
      assert.equal("late", late:result(check.BOUND))
    end)
  end, { concurrent = true })

  it("outlasts being stopped and continued", function()
    local code, out, err = run_script [[
      local tandem = require "tandem"
      local stat <close> = io.open("/proc/self/stat")
      local pid = stat:read("a"):match("^%d+")
      os.execute("{ sleep 0.1; kill -STOP " .. pid ..
                 "; sleep 0.1; kill -CONT " .. pid .. "; } &")
      local pool <close> = tandem.thread_pool(1)
      local f = pool:submit("fixtures.inside:sleep", 0.5)
      local done = tandem.wait({ f }, { timeout = 100 })
      print(#done, f:result() >= 0.5)
    ]]
    assert.equal(0, code, err)
    assert.equal("1\ttrue\n", out)
  end)
end)
