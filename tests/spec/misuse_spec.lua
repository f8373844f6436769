--- Wrong types for every public function: an error that names the argument,
--- and never a crash.
local check = require "spec.support.check"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local tandem = require "tandem"

local ECHO = "fixtures.basic:echo"

local POOL_METHODS = {
  "submit", "call", "map", "starmap", "reduce", "with", "resize",
  "cancel_pending", "shutdown", "stats", "workers",
}

local FUTURE_METHODS = {
  "result", "wait", "error", "status", "done", "cancel", "on_done", "info",
}

local NUMBERLESS = { "1", true, {}, print, io.stdout }

-- What an error says that means the object itself: of C, and of Lua.
local WRONG_SELF = { "bad argument #1", "bad self", "'self'" }

-- Values that are no object of tandem's.
local function strangers()
  return {
    nil, false, 42, "x", {}, function() end, io.stdout,
    coroutine.create(print),
    n = 8,
  }
end

-- A method called on something else: by dot, on a stranger, on another object.
local function assert_refuses_self(object, names, other)
  for _, name in ipairs(names) do
    local method = object[name]
    assert.equal("function", type(method), name)
    check.misuse(WRONG_SELF, method)
    local bad = strangers()
    for i = 1, bad.n do check.misuse(WRONG_SELF, method, bad[i]) end
    check.misuse(WRONG_SELF, method, other)
  end
end

describe("a method of a pool", function()
  for_each_pool(function(new_pool)
    it("refuses to work on anything else", function()
      local pool = new_pool(1)
      local f = pool:submit(ECHO)
      assert_refuses_self(pool, POOL_METHODS, f)
      f:wait(check.BOUND)
    end)

    it("is found by its name alone", function()
      local pool = new_pool(1)
      assert.is_nil(pool.nosuch)
      assert.is_nil(pool[1])
      check.raises(function() pool.x = 1 end)
      check.raises(function() pool.submit = print end)
      assert.is_not.equal("table", type(getmetatable(pool)))
      assert.matches("Pool", tostring(pool), 1, true)
    end)

    it("leaves the pool fit, whatever it was called with", function()
      local pool = new_pool(1)
      for _, name in ipairs(POOL_METHODS) do
        if name ~= "shutdown" then
          local bad = strangers()
          for i = 1, bad.n do
            pcall(pool[name], pool, bad[i], bad[i], bad[i], bad[i])
          end
        end
      end
      assert.equal("fit", pool:call(ECHO, "fit"))
    end)
  end)
end)

describe("a method of a future", function()
  for_each_pool(function(new_pool)
    it("refuses to work on anything else", function()
      local pool = new_pool(1)
      local f = pool:submit(ECHO)
      assert_refuses_self(f, FUTURE_METHODS, pool)
      f:wait(check.BOUND)
    end)

    it("takes a number for a timeout, and no text for a number", function()
      local f = new_pool(1):submit(ECHO, "kept")
      for _, name in ipairs { "result", "wait", "error" } do
        for _, bad in ipairs(NUMBERLESS) do
          local err = check.misuse_of("bad argument #1", f, name, bad)
          assert.matches("number", err, 1, true)
        end
      end
      assert.equal("kept", f:result(check.BOUND))
    end)

    it("does not take NaN for a time", function()
      local f = new_pool(1):submit(ECHO, "kept")
      f:wait(check.BOUND)
      for _, name in ipairs { "result", "wait", "error" } do
        pcall(f[name], f, 0 / 0)
      end
      assert.equal("kept", f:result())
    end)

    it("leaves the future as it was, whatever it was called with", function()
      local f = new_pool(1):submit(ECHO, "kept")
      f:wait(check.BOUND)
      tandem.on_callback_error = function() end
      for _, name in ipairs(FUTURE_METHODS) do
        local bad = strangers()
        for i = 1, bad.n do pcall(f[name], f, bad[i], bad[i]) end
      end
      assert.equal("kept", f:result())
      assert.equal("done", f:status())
    end)
  end)

  for_each_pool(function(new_pool)
    it("does not block where its argument is wrong", function()
      local pool, gate = new_pool(1), gates.new()
      local f = pool:submit("fixtures.gate:wait", gate.path, "kept")
      gate:wait_started(1)
      for _, bad in ipairs(NUMBERLESS) do
        check.misuse_of("bad argument #1", f, "result", bad)
        check.misuse("bad argument #2", tandem.as_completed, { f }, bad)
        check.misuse("2", tandem.wait, { f, bad })
        check.misuse("2", tandem.all, { f, bad })
        check.misuse("2", tandem.any, { f, bad })
      end
      gate:open()
      assert.equal("kept", f:result(check.BOUND))
    end)
  end, { concurrent = true })
end)

describe("a map's iterator", function()
  for_each_pool(function(new_pool)
    it("refuses to work on anything else", function()
      local iterator = new_pool(1):map(ECHO, { 1, 2 })
      local collect = iterator.collect
      check.misuse(WRONG_SELF, collect)
      local bad = strangers()
      for i = 1, bad.n do check.misuse(WRONG_SELF, collect, bad[i]) end
      assert.same({ 1, 2 }, iterator:collect())
    end)
  end)
end)

describe("a function of tandem's", function()
  -- name -> the place of an argument and what it must not be, the arguments
  -- before it being in order.
  local ROWS = {
    { "thread_pool", 1, { "4", true, print, io.stdout } },
    { "serial_pool", 1, { "4", true, print, io.stdout } },
    { "wait", 1, { 42, "x", true, print } },
    { "wait", 2, { 42, "x", true, print }, {} },
    { "as_completed", 1, { 42, "x", true, print } },
    { "as_completed", 2, NUMBERLESS, {} },
    { "all", 1, { 42, "x", true, print } },
    { "any", 1, { 42, "x", true, print } },
    { "poll", 1, NUMBERLESS },
    { "sleep", 1, NUMBERLESS },
    { "range", 1, NUMBERLESS },
    { "range", 2, NUMBERLESS, 1 },
    { "range", 3, NUMBERLESS, 1, 2 },
    { "classify", 1, { 42, true, {}, io.stdout, "a:b:c" } },
  }

  for _, row in ipairs(ROWS) do
    local name, place, wrong = row[1], row[2], row[3]
    it(("refuses a wrong argument #%d: %s"):format(place, name), function()
      for _, bad in ipairs(wrong) do
        local arguments = { table.unpack(row, 4) }
        arguments[place] = bad
        local err = check.raises(tandem[name],
                                 table.unpack(arguments, 1, place))
        assert.equal("string", type(err))
        assert.matches("argument #" .. place, err, 1, true)
      end
    end)
  end

  it("points at the line of the caller, not into tandem", function()
    local err = check.raises(function() tandem.sleep("x") end)
    assert.matches("misuse_spec.lua", err, 1, true)
    err = check.raises(function() tandem.wait(42) end)
    assert.matches("misuse_spec.lua", err, 1, true)
    err = check.raises(function() tandem.thread_pool { workers = 1 } end)
    assert.matches("misuse_spec.lua", err, 1, true)
  end)

  it("declares no global", function()
    local before = {}
    for name in pairs(_G) do before[name] = true end
    local pool <close> = tandem.serial_pool()
    pool:call(ECHO)
    for name in pairs(_G) do assert.is_true(before[name], name) end
  end)
end)

describe("an error of a pool that is shut down", function()
  it("says which line of the user's asked for too much", function()
    local pool = tandem.serial_pool()
    local done = pool:submit("fixtures.basic:echo", 1)
    pool:shutdown()
    local view = pool:with { priority = 1 }
    local line = debug.getinfo(1, "l").currentline + 1
    for _, ask in ipairs { function() pool:submit(ECHO) end,
                           function() view:submit(ECHO) end,
                           function() done:and_then(ECHO) end,
                           function() pool:map(ECHO, { 1 }) end,
                         } do
      local err = check.kind("closed", ask)
      assert.equal(("tests/spec/misuse_spec.lua:%d"):format(line), err.where)
      line = line + 1
    end
  end)
end)
