--- map and starmap: what comes out of the loop, and in which order.
local check = require "spec.support.check"
local for_each_pool = require "spec.support.pools"
local scale = require "spec.support.scale"
local tandem = require "tandem"

local CHUNKS = { 1, 3, 6, 40, 50, "auto" }

-- Items as an iterator function; `taken()` tells how many were asked for.
local function counted(n)
  local taken = 0
  local function next_item()
    if taken == n then return nil end
    taken = taken + 1
    return taken
  end
  return next_item, function() return taken end
end

local function list_of(n)
  local list = {}
  for i = 1, n do list[i] = i end
  return list
end

local function squares(n)
  local list = {}
  for i = 1, n do list[i] = i * i end
  return list
end

describe("map", function()
  for_each_pool(function(new_pool)
    it("yields each item's index and result, in order", function()
      local pool, rows = new_pool(3), {}
      for i, v in pool:map("fixtures.basic:square", { 5, 3, 9 }) do
        rows[#rows + 1] = { i, v }
      end
      assert.same({ { 1, 25 }, { 2, 9 }, { 3, 81 } }, rows)
    end)

    it("yields all results of a call", function()
      local pool, rows = new_pool(2), {}
      for i, n, a, b in pool:map("fixtures.basic:count", { "x", false }) do
        rows[#rows + 1] = table.pack(i, n, a, b)
      end
      assert.same({ n = 4, 1, 1, "x" }, rows[1])
      assert.same({ n = 4, 2, 1, false }, rows[2])
      assert.equal(2, #rows)
    end)

    for _, chunk in ipairs(CHUNKS) do
      it("is the same for 40 items in chunks of " .. chunk, function()
        local pool = new_pool(3)
        local items = list_of(40)
        local list = pool:map("fixtures.basic:square", items,
                              { chunk = chunk }):collect()
        assert.same(squares(40), list)
        check.same_members(squares(40),
          pool:map("fixtures.basic:square", items,
                   { chunk = chunk, ordered = false }):collect())
      end)
    end

    it("takes a list, an iterator, a callable and a range", function()
      local pool = new_pool(2)
      local function collect(items)
        return pool:map("fixtures.basic:square", items):collect()
      end
      local iterator, callable = (counted(5)), (counted(5))
      assert.same(squares(5), collect(list_of(5)))
      assert.same(squares(5), collect(iterator))
      assert.same(squares(5), collect(setmetatable({}, {
        __call = function() return callable() end,
      })))
      assert.same(squares(5), collect(tandem.range(1, 5)))
      assert.same({ 1, 9, 25 }, collect(tandem.range(1, 6, 2)))
      assert.same({ 9, 4, 1 }, collect(tandem.range(3, 1, -1)))
      assert.same({}, collect(tandem.range(1, 0)))
    end)

    it("keeps a coroutine's items in order", function()
      local items = coroutine.wrap(function()
        for i = 1, 30 do coroutine.yield(i) end
      end)
      assert.same(squares(30), new_pool(2)
        :map("fixtures.basic:square", items):collect())
    end)

    it("yields nothing for nothing, whatever the chunk", function()
      local pool = new_pool(2)
      for _, chunk in ipairs(CHUNKS) do
        local opts = { chunk = chunk }
        assert.same({}, pool:map("fixtures.basic:square", {}, opts):collect())
        assert.same({}, pool:map("fixtures.basic:square",
                                 function() end, opts):collect())
      end
      for _ in pool:map("fixtures.basic:square", {}) do error("an item") end
    end)

    it("keeps the place of nil results", function()
      local rows = check.drain(new_pool(2):map("fixtures.basic:nil_for_odd",
                                               list_of(5)))
      assert.same({ { 1 }, { 2, 2 }, { 3 }, { 4, 4 }, { 5 } }, rows)
    end)

    it("is an iterator that can be called by hand", function()
      local iterator = new_pool(2):map("fixtures.basic:square", { 2, 3 })
      assert.same({ 1, 4 }, { iterator() })
      assert.same({ 2, 9 }, { iterator() })
      for _ = 1, 3 do assert.is_nil((iterator())) end
    end)

    it("collects the rest of a loop begun by hand", function()
      local iterator = new_pool(2):map("fixtures.basic:square", { 2, 3, 4 })
      iterator()
      assert.same({ 9, 16 }, iterator:collect())
    end)

    it("hands itself to the loop as the closing value", function()
      local iterator, _, _, closing = new_pool(2)
        :map("fixtures.basic:square", { 2 })
      assert.equal(iterator, closing)
      assert.same({ 4 }, iterator:collect())
    end)

    it("shares the pool with other maps and submits", function()
      local pool = new_pool(2)
      local one = pool:map("fixtures.basic:square", list_of(20))
      local two = pool:map("fixtures.basic:square", list_of(20))
      for i = 1, 20 do
        local a, b = { one() }, { two() }
        assert.same({ i, i * i }, a)
        assert.same(a, b)
        assert.equal(i, pool:call("fixtures.basic:echo", i))
      end
    end)

    it("maps a function of the script's own", function()
      local list = new_pool(2):map(function(x) return x + 0.5 end, { 1, 2 })
        :collect()
      assert.same({ 1.5, 2.5 }, list)
    end)

    it("carries tables, with what they share", function()
      local shared = { "shared" }
      local pool = new_pool(2)
      local items = {}
      for i = 1, 10 do items[i] = { i, shared, shared } end
      for i, t in pool:map("fixtures.basic:echo", items, { chunk = 4 }) do
        assert.same({ i, { "shared" }, { "shared" } }, t)
        assert.equal(t[2], t[3])
      end
    end)

    it("carries large chunks both ways", function()
      local n, size = 32, scale.down(1 << 20)
      local items = {}
      for i = 1, n do items[i] = (string.char(64 + i)):rep(size) end
      local pool = new_pool(2)
      local list = pool:map("fixtures.basic:echo", items, { chunk = n })
        :collect()
      assert.equal(n, #list)
      for i = 1, n do assert.is_true(list[i] == items[i]) end
    end)

    it("carries very many items", function()
      local n, sum = scale.down(200000), 0
      for i, v in new_pool(2):map("fixtures.basic:echo", tandem.range(1, n)) do
        assert(i == v)
        sum = sum + v
      end
      assert.equal(n * (n + 1) // 2, sum)
    end)

    it("holds on to no result it has yielded", function()
      local weak = setmetatable({}, { __mode = "v" })
      local iterator = new_pool(1):map("fixtures.basic:echo", { {}, {}, {} },
                                       { chunk = 3 })
      for i = 1, 2 do weak[i] = select(2, iterator()) end
      collectgarbage()
      collectgarbage()
      assert.is_nil(weak[1])
      assert.is_not_nil((iterator()))
    end)

    it("keeps its pool alive", function()
      local pool = new_pool(2, "loose")
      local iterator = pool:map("fixtures.basic:square", list_of(20),
                                { buffer = 2 })
      pool = nil -- luacheck: ignore
      collectgarbage()
      collectgarbage()
      assert.same(squares(20), iterator:collect())
    end)
  end)
end)

describe("starmap", function()
  for_each_pool(function(new_pool)
    it("takes each item as a list of arguments", function()
      local pool = new_pool(2)
      local list = pool:starmap("fixtures.basic:add",
                                { { 1, 2 }, { 3, 4 }, { 5, 6 } }):collect()
      assert.same({ 3, 7, 11 }, list)
    end)

    it("takes the options of map", function()
      local rows = check.drain(new_pool(2):starmap("fixtures.basic:fail_on",
        { { 1, 2 }, { 2, 2 }, { 3, 2 } }, { chunk = 2, on_error = "collect" }))
      assert.same({ { 1, 10 }, { 2, nil, "item 2" }, { 3, 30 } }, rows)
    end)

    it("reports an item that is no list at that item", function()
      local pool = new_pool(2)
      local iterator = pool:starmap("fixtures.basic:add", { { 1, 2 }, 42 })
      assert.same({ 1, 3 }, { iterator() })
      check.raises(iterator)
    end)
  end)
end)
