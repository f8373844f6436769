--- tandem seen from inside a task.
local check = require "spec.support.check"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local tandem = require "tandem"

-- A future whose task runs when its pool's block is left by an error.
local function torn_down(new_pool, gate, task, ...)
  local f
  local arguments = table.pack(gate.path, ...)
  local err = check.raises(function()
    local pool <close> = new_pool(1, "loose")
    f = pool:submit(task, table.unpack(arguments, 1, arguments.n))
    gate:wait_started(1)
    error("leaving", 0)
  end)
  assert.equal("leaving", err)
  return f
end

describe("inside a task", function()
  for_each_pool(function(new_pool, kind)
    it("tandem.current tells which task it is, and where", function()
      local pool = new_pool(1)
      local f = pool:submit("fixtures.inside:current")
      local current = f:result()
      assert.equal("fixtures.inside:current", current.task)
      assert.equal(kind, current.pool)
      assert.equal(1, current.attempt)
      assert.equal(f:info().worker, current.worker)
    end)

    it("tandem.cancelled is false, and nothing else", function()
      assert.is_false(new_pool(1):call("fixtures.inside:cancelled"))
    end)

    it("tandem.sleep sleeps", function()
      local pool = new_pool(1)
      assert.is_true(pool:call("fixtures.inside:sleep", 0.02) >= 0.02)
      assert.is_true(pool:call("fixtures.inside:sleep", 0) >= 0)
      assert.is_true(pool:call("fixtures.inside:sleep", -1) >= 0)
    end)

    it("tandem.sleep refuses what is no number", function()
      local pool = new_pool(1)
      for _, bad in ipairs { "1", true, {} } do
        check.misuse_of("bad argument #1", pool, "call",
                     "fixtures.inside:sleep", bad)
      end
    end)

    for _, nested in ipairs { "thread_pool", "serial_pool" } do
      it("there may be a pool of its own: " .. nested, function()
        local pool = new_pool(2)
        assert.equal(49, pool:call("fixtures.inside:nested", nested,
                                   "fixtures.basic:square", 7))
        local current = pool:call("fixtures.inside:nested", nested,
                                  "fixtures.inside:current")
        assert.equal(nested:match("^%a+"), current.pool)
        local err = check.raises(pool.call, pool, "fixtures.inside:nested",
                                 nested, "fixtures.failing:raise", "inner")
        assert.equal("inner", err)
      end)
    end

    it("errors of tandem's are known as such", function()
      local ok, is_error, text = new_pool(1):call(
        "fixtures.inside:nested_failure", "fixtures.failing:raise_nothing")
      assert.is_false(ok)
      assert.is_true(is_error)
      assert.matches("fixtures.failing:raise_nothing", text, 1, true)
    end)
  end)

  for_each_pool(function(new_pool)
    it("tandem.sleep ends with kind 'cancelled' when the pool goes", function()
      local gate = gates.new()
      local before = tandem.now()
      local f = torn_down(new_pool, gate, "fixtures.gate:sleep", 60)
      assert.is_true(tandem.now() - before < check.BOUND)
      local err = f:error(check.BOUND)
      assert.is_true(tandem.is_error(err, "cancelled"))
    end)

    it("tandem.cancelled is true once the pool goes", function()
      local gate = gates.new()
      local f = torn_down(new_pool, gate, "fixtures.gate:until_cancelled",
                          check.BOUND)
      -- What it was told it may still return; it may as well be cancelled.
      local err = f:error(check.BOUND)
      if f:status() == "done" then
        assert.same({ false, true }, { f:result() })
      else
        assert.is_true(tandem.is_error(err, "cancelled"))
      end
    end)

    it("tandem.sleep lasts when the pool is shut down gently", function()
      local pool, gate = new_pool(1), gates.new()
      local f = pool:submit("fixtures.gate:sleep", gate.path, 0.1)
      gate:wait_started(1)
      assert.is_true(pool:shutdown { cancel_pending = true })
      assert.equal("slept", f:result(0))
    end)
  end, { concurrent = true })
end)

describe("outside of a task", function()
  it("tandem.current is nil", function()
    assert.is_nil(tandem.current())
  end)

  it("tandem.cancelled is false", function()
    assert.is_false(tandem.cancelled())
  end)

  it("tandem.sleep refuses what is no number", function()
    for _, bad in ipairs { "1", true, {}, print } do
      check.misuse("bad argument #1", tandem.sleep, bad)
    end
    check.misuse("bad argument #1", tandem.sleep)
  end)

  for_each_pool(function(new_pool)
    it("tandem.current is nil again after a task", function()
      new_pool(1):call("fixtures.inside:current")
      assert.is_nil(tandem.current())
    end)

    it("tandem.current is nil in a callback", function()
      local inside = "not called"
      new_pool(1):submit("fixtures.basic:echo"):on_done(function()
        inside = tandem.current()
      end):wait(check.BOUND)
      assert.is_nil(inside)
    end)
  end)
end)
