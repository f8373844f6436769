--- map when something fails: an item, the input, the time.
local check = require "spec.support.check"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local tandem = require "tandem"

local CHUNKS = { 1, 2, 3, 4, "auto" }

describe("map, where an item fails,", function()
  for_each_pool(function(new_pool)
    for _, chunk in ipairs(CHUNKS) do
      it("raises at that item, in chunks of " .. chunk, function()
        local iterator = new_pool(2):map("fixtures.basic:fail_on",
          { 1, 2, 3, 4 }, { chunk = chunk })
        assert.same({ 1, 10 }, { iterator() })
        assert.same({ 2, 20 }, { iterator() })
        assert.equal("item 3", check.raises(iterator))
        assert.is_nil((iterator()))
      end)

      it("goes on if asked to collect, in chunks of " .. chunk, function()
        local rows = check.drain(new_pool(2):map("fixtures.basic:fail_on",
          { 1, 3, 2, 3, 4 }, { chunk = chunk, on_error = "collect" }))
        assert.same({
          { 1, 10 }, { 2, nil, "item 3" }, { 3, 20 }, { 4, nil, "item 3" },
          { 5, 40 },
        }, rows)
      end)
    end

    it("ends the loop with the task's own error value", function()
      local pool, seen = new_pool(2), {}
      local err = check.raises(function()
        for i in pool:map("fixtures.failing:raise", { { code = 5 }, 2 }) do
          seen[#seen + 1] = i
        end
      end)
      assert.same({ code = 5 }, err)
      assert.same({}, seen)
      assert.equal(1, pool:call("fixtures.basic:echo", 1))
    end)

    it("raises while collecting", function()
      local iterator = new_pool(2):map("fixtures.basic:fail_on", { 1, 2, 3 })
      assert.equal("item 3", check.raises(iterator.collect, iterator))
    end)

    it("reports an item that cannot be sent, in its place", function()
      local pool = new_pool(2)
      for _, chunk in ipairs(CHUNKS) do
        local items = { 1, { deep = { print } }, 3 }
        local rows = check.drain(pool:map("fixtures.basic:echo", items,
          { chunk = chunk, on_error = "collect" }))
        assert.equal(3, #rows)
        assert.same({ 1, 1 }, rows[1])
        assert.same({ 3, 3 }, rows[3])
        assert.equal(2, rows[2][1])
        assert.is_true(tandem.is_error(rows[2][3], "encode"))
        assert.matches("deep", tostring(rows[2][3]), 1, true)
      end
    end)

    it("raises for an item that cannot be sent when it comes to it", function()
      local iterator = new_pool(2):map("fixtures.basic:echo", { 1, print, 3 })
      assert.same({ 1, 1 }, { iterator() })
      check.kind("encode", iterator)
    end)

    it("reports results that cannot be sent", function()
      local rows = check.drain(new_pool(2):map("fixtures.results:a_function",
        { 1, 2 }, { on_error = "collect" }))
      for i = 1, 2 do
        assert.equal(i, rows[i][1])
        assert.is_true(tandem.is_error(rows[i][3], "encode"))
      end
    end)

    it("reports a task that is not there at each item", function()
      local rows = check.drain(new_pool(2):map("fixtures.basic:nosuch",
        { 1, 2 }, { on_error = "collect", chunk = 2 }))
      assert.equal(2, #rows)
      for i = 1, 2 do assert.is_true(tandem.is_error(rows[i][3], "load")) end
    end)
  end)
end)

describe("map, where the input fails,", function()
  -- Numbers up to `bad`, where an error is raised instead.
  local function breaks_at(bad, err)
    local i = 0
    return function()
      i = i + 1
      if i == bad then error(err) end
      return i
    end
  end

  for_each_pool(function(new_pool)
    for _, bad in ipairs { 1, 4, 8 } do
      it("yields what came before, then raises: item " .. bad, function()
        local pool = new_pool(2)
        for _, chunk in ipairs { 1, 2, 4 } do
          local broken, seen = { "input" }, {}
          local err = check.raises(function()
            for i, v in pool:map("fixtures.basic:square",
                                 breaks_at(bad, broken), { chunk = chunk }) do
              assert.equal(i * i, v)
              seen[#seen + 1] = i
            end
          end)
          assert.is_true(rawequal(broken, err))
          local whole = (bad - 1) // chunk * chunk
          assert.is_true(#seen >= whole and #seen < bad)
          for k, i in ipairs(seen) do assert.equal(k, i) end
        end
        assert.equal("fit", pool:call("fixtures.basic:echo", "fit"))
      end)
    end
  end)
end)

describe("map, left early,", function()
  for_each_pool(function(new_pool)
    it("ends, and leaves the pool fit", function()
      local pool, seen = new_pool(2), 0
      local iterator = pool:map("fixtures.basic:square", tandem.range(1, 1e5))
      for i in iterator, nil, nil, iterator do
        seen = seen + 1
        if i == 3 then break end
      end
      assert.equal(3, seen)
      assert.is_nil((iterator()))
      assert.equal(1, pool:call("fixtures.basic:echo", 1))
    end)

    it("lets the error out of the loop's body", function()
      local pool = new_pool(2)
      local err = check.raises(function()
        for _ in pool:map("fixtures.basic:square", { 1, 2, 3 }) do
          error("in the body", 0)
        end
      end)
      assert.equal("in the body", err)
    end)

    it("takes no more input", function()
      local pool, taken = new_pool(2), 0
      local iterator = pool:map("fixtures.basic:square", function()
        taken = taken + 1
        return taken
      end)
      for i in iterator, nil, nil, iterator do
        if i == 2 then break end
      end
      local at_end = taken
      iterator()
      tandem.poll(0)
      assert.equal(at_end, taken)
    end)
  end)

  for_each_pool(function(new_pool)
    it("cancels what has not started", function()
      local pool, gate = new_pool(1), gates.new()
      local items = { { false, "first" } }
      for i = 2, 20 do items[i] = { gate.path, i } end
      for _, v in pool:map("fixtures.gate:item", items,
                           { chunk = 1, buffer = 20 }) do
        assert.equal("first", v)
        gate:wait_started(1)
        if v then break end
      end
      gate:open()
      pool:shutdown()
      assert.equal(1, gate:started())
    end)
  end, { concurrent = true })
end)

describe("map with a timeout", function()
  -- Until all that was submitted before is done, or runs: then what is done
  -- comes, however much of the time it took.
  local function await_queue(pool)
    local f = pool:submit("fixtures.basic:echo")
    check.eventually(function() return f:done() end, "the queue")
  end

  for_each_pool(function(new_pool)
    it("of plenty of time is like one without", function()
      local pool = new_pool(2)
      assert.same({ 1, 4 }, pool:map("fixtures.basic:square", { 1, 2 },
                                     { timeout = 60 }):collect())
    end)
  end)

  for_each_pool(function(new_pool)
    it("yields what is done, raises, and is at its end", function()
      local pool, gate = new_pool(2), gates.new()
      local items = { { false, 1 }, { false, 2 }, { gate.path, 3 },
                      { false, 4 } }
      local before = tandem.now()
      local iterator = pool:map("fixtures.gate:item", items,
                                { timeout = 0.2, chunk = 1 })
      await_queue(pool)
      assert.same({ 1, 1 }, { iterator() })
      assert.same({ 2, 2 }, { iterator() })
      check.kind("timeout", iterator)
      assert.is_true(tandem.now() - before >= 0.2)
      assert.is_nil((iterator()))
    end)

    it("counts from the call, and throws no finished result away", function()
      local pool = new_pool(2)
      local iterator = pool:map("fixtures.basic:square", { 1, 2, 3 },
                                { timeout = 0.2, chunk = 1, buffer = 3 })
      await_queue(pool)
      assert.same({ 1, 1 }, { iterator() })
      local over = tandem.now() + 0.25
      while tandem.now() < over do end
      assert.same({ 2, 4 }, { iterator() })
      assert.same({ 3, 9 }, { iterator() })
      assert.is_nil((iterator()))
    end)
  end, { concurrent = true })
end)
