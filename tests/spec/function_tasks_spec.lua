--- Functions of the script's own as tasks.
local check = require "spec.support.check"
local for_each_pool = require "spec.support.pools"

local db = { "an upvalue" }
local FACTOR <const> = 3

local function needs_db() return db end

local function recursive(n)
  return n == 0 and 0 or recursive(n - 1)
end

describe("a function without upvalues", function()
  for_each_pool(function(new_pool)
    it("is a task", function()
      local f = new_pool(1):submit(function(a, b) return a * b, a + b end, 6, 7)
      assert.same({ 42, 13 }, { f:result() })
    end)

    it("sees the worker's globals", function()
      local pool = new_pool(1)
      assert.equal("HELLO", pool:call(function(text)
        return string.upper(text)
      end, "hello"))
      assert.equal("table", pool:call(function()
        return type(require "fixtures.basic")
      end))
      pool:call(function() rawset(_G, "set_by_a_function", 5) end)
      assert.equal(5, pool:call("fixtures.state:get_global",
                                "set_by_a_function"))
      assert.is_nil(rawget(_G, "set_by_a_function"))
    end)

    it("may take and give any number of values", function()
      local pool = new_pool(1)
      local function pass(...) return select("#", ...), ... end
      assert.same({ n = 4, 3, nil, 2, nil },
                  table.pack(pool:call(pass, nil, 2, nil)))
      assert.equal(0, select("#", pool:call(function() end)))
    end)

    it("may have functions and closures of its own inside", function()
      local sum = new_pool(1):call(function(n)
        local total = 0
        local function add(x) total = total + x end
        for i = 1, n do add(i) end
        return total
      end, 10)
      assert.equal(55, sum)
    end)

    it("may use constants of its script, which are no upvalues", function()
      assert.equal(15, new_pool(1):call(function(x) return x * FACTOR end, 5))
    end)

    it("may be submitted as often as one likes", function()
      local pool, futures = new_pool(2), {}
      local function square(x) return x * x end
      for i = 1, 500 do futures[i] = pool:submit(square, i) end
      for i = 1, 500 do
        assert.equal(i * i, futures[i]:result(check.BOUND))
      end
    end)

    it("is told from every other function", function()
      local pool, tasks = new_pool(1), {}
      for i = 1, 50 do
        tasks[i] = assert(load("return " .. i, "=chunk", "t"))
      end
      for i, task in ipairs(tasks) do assert.equal(i, pool:call(task)) end
      tasks = nil -- luacheck: ignore
      collectgarbage()
      for i = 51, 100 do
        assert.equal(i, pool:call(assert(load("return " .. i))))
      end
    end)

    it("raises errors like any task", function()
      local pool = new_pool(1)
      local f = pool:submit(function() error({ code = 4 }) end)
      assert.same({ code = 4 }, f:error(check.BOUND))
      f = pool:submit(function() error("plain", 0) end)
      assert.equal("plain", f:error(check.BOUND))
      f = pool:submit(function() local t = nil; return t.x end)
      assert.matches("attempt to index a nil value", f:error(check.BOUND))
    end)

    it("has some name in its future's info", function()
      local f = new_pool(1):submit(function() end)
      f:wait(check.BOUND)
      assert.equal("string", type(f:info().task))
      assert.is_true(#f:info().task > 0)
    end)
  end)
end)

describe("a function with an upvalue", function()
  for_each_pool(function(new_pool)
    it("is refused at submit, with its name and some advice", function()
      local pool = new_pool(1)
      for _, method in ipairs { "submit", "call" } do
        local err = tostring(check.raises(pool[method], pool, needs_db))
        assert.matches("'db'", err, 1, true)
        assert.matches("module:function", err, 1, true)
      end
      local err = tostring(check.raises(pool.map, pool, needs_db, { 1 }))
      assert.matches("'db'", err, 1, true)
      assert.equal(0, pool:stats().submitted)
    end)

    it("is refused where it is its own upvalue", function()
      local pool = new_pool(1)
      local err = tostring(check.raises(pool.submit, pool, recursive, 3))
      assert.matches("'recursive'", err, 1, true)
    end)

    it("is refused where it has _ENV and another", function()
      local pool = new_pool(1)
      local err = tostring(check.raises(pool.submit, pool, function()
        return tostring(db)
      end))
      assert.matches("'db'", err, 1, true)
    end)
  end)
end)

describe("a C function", function()
  for_each_pool(function(new_pool)
    it("is refused at submit", function()
      local pool = new_pool(1)
      for _, f in ipairs { print, math.sin, string.rep } do
        local err = tostring(check.raises(pool.submit, pool, f, 1))
        assert.matches("C function", err, 1, true)
      end
      assert.equal(0, pool:stats().submitted)
    end)
  end)
end)
