--- What a task raises, and what comes of it.
local check = require "spec.support.check"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local scale = require "spec.support.scale"
local tandem = require "tandem"

-- Values that come back as they were.
local AS_IT_IS = {
  "boom", "", false, true, 42, 42.0, -0.0, math.mininteger, math.maxinteger,
  math.huge, "nul \0 and \xff\xfe, no UTF-8", "emoji \u{1F600}",
}

-- Tasks that overflow a stack, and go on no further.
local OVERFLOWS = {
  "overflow", "overflow_gsub", "overflow_sort", "overflow_index",
  "overflow_concat",
}

describe("an error of a task", function()
  for_each_pool(function(new_pool)
    it("carries the place where it was raised", function()
      local pool = new_pool(1)
      local err = check.raises(pool.call, pool, "fixtures.failing:boom")
      assert.matches("fixtures/failing%.lua:%d+: boom$", err)
    end)

    it("comes back as it is", function()
      local pool = new_pool(1)
      for _, value in ipairs(AS_IT_IS) do
        local f = pool:submit("fixtures.failing:raise", value)
        check.identical(value, check.raises(f.result, f))
        check.identical(value, (f:error()))
        assert.equal("failed", f:status())
      end
    end)

    it("is an error of kind 'task' when it was nil", function()
      local pool = new_pool(1)
      for _, task in ipairs { "raise", "raise_nothing" } do
        local name = "fixtures.failing:" .. task
        local f = pool:submit(name)
        local err = check.kind("task", f.result, f)
        assert.equal(name, err.task)
        local value, traceback = f:error()
        assert.is_nil(value)
        assert.matches("stack traceback", traceback, 1, true)
        assert.equal("failed", f:status())
      end
    end)

    it("may be a table, of which a copy comes back", function()
      local pool = new_pool(1)
      local sent = { code = 7, list = { 1, 2, { deep = true } } }
      local err = check.raises(pool.call, pool, "fixtures.failing:raise", sent)
      assert.same(sent, err)
      assert.is_not.equal(sent, err)
    end)

    it("may be a table that contains itself", function()
      local pool = new_pool(1)
      local err = check.raises(pool.call, pool, "fixtures.failing:raise_cycle")
      assert.equal("cycle", err.name)
      assert.equal(err, err.self)
    end)

    it("may be a deeply nested table", function()
      local pool, depth = new_pool(1), scale.down(100000)
      local err = check.raises(pool.call, pool, "fixtures.failing:raise_deep",
                               depth)
      local found = 0
      while err[1] do err, found = err[1], found + 1 end
      assert.equal(depth, found)
    end)

    it("comes as its text when it cannot be sent", function()
      local pool = new_pool(1)
      local rows = {
        raise_stdout = "^file %(",
        raise_function = "^function: ",
        raise_coroutine = "^thread: ",
        raise_table_with_function = "^table: ",
        raise_object = "^object with code 7$",
      }
      for task, pattern in pairs(rows) do
        local f = pool:submit("fixtures.failing:" .. task)
        local err = check.raises(f.result, f)
        assert.equal("string", type(err), task)
        assert.matches(pattern, err)
        assert.equal("failed", f:status())
      end
    end)

    it("does no harm where it cannot even be told as text", function()
      local pool = new_pool(1)
      for _, how in ipairs { "raises", "number", "yields" } do
        local f = pool:submit("fixtures.failing:raise_bad_object", how)
        assert.is_true(f:wait(check.BOUND))
        assert.equal("failed", f:status(), how)
        check.raises(f.result, f)
        assert.equal(1, pool:call("fixtures.basic:echo", 1))
      end
    end)

    it("has a traceback, whatever its type", function()
      local pool = new_pool(1)
      for _, value in ipairs { "text", 42, false, { code = 1 } } do
        local f = pool:submit("fixtures.failing:raise", value)
        local _, traceback = f:error()
        assert.matches("failing.lua", traceback, 1, true)
      end
    end)

    it("may be a mebibyte long, and nobody need read it", function()
      local pool, length = new_pool(2), 1 << 20
      local futures = {}
      for i = 1, 4 do
        futures[i] = pool:submit("fixtures.failing:raise_long", length)
      end
      pool:shutdown()
      for _, f in ipairs(futures) do
        assert.equal("failed", f:status())
        assert.is_true(f:error() == ("x"):rep(length))
      end
    end)

    it("hurts no other task", function()
      local pool = new_pool(2)
      local good, bad = {}, {}
      for i = 1, 50 do
        good[i] = pool:submit("fixtures.basic:square", i)
        bad[i] = pool:submit("fixtures.failing:raise", i)
      end
      for i = 1, 50 do
        assert.equal(i * i, good[i]:result(check.BOUND))
        assert.equal(i, bad[i]:error(check.BOUND))
      end
    end)

    it("is the last one, where a <close> handler raises another", function()
      local pool = new_pool(1)
      local f = pool:submit("fixtures.failing:nested_in_close")
      assert.equal("second", f:error(check.BOUND))
      assert.equal(1, pool:call("fixtures.basic:echo", 1))
    end)

    it("in a finalizer is no error of the task", function()
      local pool = new_pool(1)
      assert.equal("fine", pool:call("fixtures.failing:in_finalizer"))
    end)

    it("in a message handler is an ordinary failure", function()
      local pool = new_pool(1)
      assert.is_false(pool:call("fixtures.failing:in_message_handler"))
      assert.is_false(pool:call("fixtures.failing:deep_message_handler"))
    end)

    it("is raised for a yield out of the task", function()
      local pool = new_pool(1)
      local err = check.raises(pool.call, pool, "fixtures.failing:yield")
      assert.matches("yield", tostring(err), 1, true)
      assert.equal(1, pool:call("fixtures.basic:echo", 1))
    end)

    for _, task in ipairs(OVERFLOWS) do
      it("is ordinary for a stack overflow: " .. task, function()
        local pool = new_pool(1)
        local f = pool:submit("fixtures.failing:" .. task)
        local err = f:error(check.BOUND)
        assert.equal("failed", f:status())
        assert.matches("stack overflow", tostring(err), 1, true)
        assert.equal("alive", pool:call("fixtures.basic:echo", "alive"))
      end)
    end

    it("may itself be one of tandem's, raised in the task", function()
      local pool = new_pool(1)
      local f = pool:submit("fixtures.inside:nested_raise",
                            "fixtures.failing:raise_nothing")
      local err = check.kind("task", f.result, f)
      assert.equal("fixtures.failing:raise_nothing", err.task)
    end)
  end)

  for_each_pool(function(new_pool)
    it("leaves the tasks queued behind it alone", function()
      local pool, gate = new_pool(1), gates.new()
      local bad = pool:submit("fixtures.gate:fail", gate.path, "bad")
      local behind = pool:submit("fixtures.basic:echo", "behind")
      gate:open()
      assert.equal("behind", behind:result(check.BOUND))
      assert.equal("bad", bad:error())
    end)
  end, { concurrent = true })
end)

describe("an error object", function()
  for_each_pool(function(new_pool)
    local function some_error()
      local pool = new_pool(1)
      return check.raises(pool.call, pool, "fixtures.failing:raise_nothing")
    end

    it("says in one line what happened", function()
      local text = tostring(some_error())
      assert.is_nil(text:find("\n", 1, true))
      assert.is_true(#text > 0)
      assert.matches("fixtures.failing:raise_nothing", text, 1, true)
    end)

    -- It crashed where a buffer grew between two of its parts.
    it("says so at every length", function()
      local pool = new_pool(1)
      for n = 1, 2500 do
        local name = "fixtures.basic:" .. ("k"):rep(n)
        local text = tostring(check.raises(pool.call, pool, name))
        assert(text:find(name, 1, true) and #text > 2 * n)
      end
    end)

    it("has a kind, a message, the task and the worker", function()
      local err = some_error()
      assert.equal("task", err.kind)
      assert.equal("string", type(err.message))
      assert.equal("fixtures.failing:raise_nothing", err.task)
      assert.is_not_nil(err.worker)
    end)

    it("shares its metatable with the others", function()
      local pool = new_pool(1)
      local other = check.raises(pool.call, pool, "no.such.module:at_all")
      assert.is_not_nil(getmetatable(other))
      assert.equal(getmetatable(other), getmetatable(some_error()))
    end)

    it("is told from other values, and by its kind", function()
      local err = some_error()
      assert.is_true(tandem.is_error(err))
      assert.is_true(tandem.is_error(err, "task"))
      assert.is_false(tandem.is_error(err, "timeout"))
      for _, value in ipairs { "task", 42, false, { kind = "task" }, print } do
        assert.is_false(tandem.is_error(value))
        assert.is_false(tandem.is_error(value, "task"))
      end
      assert.is_false(tandem.is_error(nil))
    end)
  end)
end)
