--- Values on their way to a task and back.
local check = require "spec.support.check"
local cjson = require "cjson"
local for_each_pool = require "spec.support.pools"
local gates = require "spec.support.gate"
local scale = require "spec.support.scale"

-- A NaN that carries a payload, and one with its sign set.
local PAYLOAD_NAN = ("<d"):unpack(("<I8"):pack(0x7ff8dead00000001))
local NEGATIVE_NAN = ("<d"):unpack(("<i8"):pack(-0x0007ffffffffffff))

local NUMBERS = {
  0, 1, -1, 127, 128, -128, -129, 255, 256, 65535, 65536, 2^31 | 0,
  2^53 | 0, (2^53 | 0) + 1, (2^53 | 0) - 1, math.maxinteger, math.mininteger,
  0.0, -0.0, 1.0, 0.1 + 0.2, 1e308, 5e-324, 2.0^53, 2.0^63, math.huge,
  -math.huge, 0 / 0, PAYLOAD_NAN, NEGATIVE_NAN,
}

local LENGTHS = { 0, 1, 39, 40, 41, 255, 256, 65535, 65536, 65537, 1 << 20 }

local KEYS = {
  1, "1", 1.5, true, false, math.huge, math.mininteger, "", "\0", 2^60, -0.5,
}

local function all_bytes()
  local list = {}
  for i = 0, 255 do list[i + 1] = string.char(i) end
  return table.concat(list)
end

local function nested(depth)
  local t = {}
  for _ = 1, depth do t = { t } end
  return t
end

local function depth_of(t)
  local depth = 0
  while t[1] do t, depth = t[1], depth + 1 end
  return depth
end

describe("a value", function()
  for_each_pool(function(new_pool)
    local function echo(pool, ...)
      return pool:call("fixtures.basic:echo", ...)
    end

    it("is the same number to the last bit, alone and in tables", function()
      local pool = new_pool(1)
      for _, n in ipairs(NUMBERS) do
        check.identical(n, echo(pool, n))
        check.identical(n, echo(pool, { { x = n } })[1].x)
      end
      local list = echo(pool, NUMBERS)
      for i, n in ipairs(NUMBERS) do check.identical(n, list[i]) end
    end)

    it("is the same string to the last byte", function()
      local pool = new_pool(1)
      local alphabet = all_bytes()
      for _, text in ipairs { "", "\0", "a\0b", "\xff\xfe", alphabet } do
        assert.equal(text, echo(pool, text))
        assert.equal(text, echo(pool, { [text] = text })[text])
      end
      for _, n in ipairs(LENGTHS) do
        local text = alphabet:rep(n // 256 + 1):sub(1, n)
        assert.is_true(echo(pool, text) == text)
        assert.is_true(echo(pool, { text })[1] == text)
      end
    end)

    it("may be a string of many mebibytes", function()
      local pool = new_pool(1)
      local text = ("0123456789abcdef"):rep(scale.down(1 << 20))
      assert.is_true(echo(pool, text) == text)
    end)

    it("is nil, true or false as it was", function()
      local pool = new_pool(1)
      assert.same({ n = 5, nil, true, false, nil, nil },
                  table.pack(echo(pool, nil, true, false, nil, nil)))
      assert.same({ a = false, b = true, [false] = 1, [true] = 2 },
                  echo(pool, { a = false, b = true, [false] = 1, [true] = 2 }))
    end)

    it("keeps the holes of a table", function()
      local pool = new_pool(1)
      for _, t in ipairs {
        {}, { 1, nil, 3 }, { nil, nil, 3 }, { [2] = "x" },
        { nil, nil, nil, 4, n = 4 }, { [1 << 40] = 1, [-5] = 2 },
        { 1, 2, 3, [5] = 5, x = "mixed" },
      } do
        assert.same(t, echo(pool, t))
      end
    end)

    it("keeps every key apart", function()
      local pool = new_pool(1)
      local t = {}
      for i, key in ipairs(KEYS) do t[key] = i end
      local back, count = echo(pool, t), 0
      for i, key in ipairs(KEYS) do assert.equal(i, back[key]) end
      for key in pairs(back) do
        count = count + 1
        assert.is_not_nil(t[key])
      end
      assert.equal(#KEYS, count)
      local whole = echo(pool, { [2.0^53] = 1 })
      assert.equal("integer", math.type((next(whole))))
    end)

    it("may have tables as keys, shared with values", function()
      local pool = new_pool(1)
      local key = { "key" }
      local back = echo(pool, { [key] = key, again = key })
      assert.equal(back.again, back[back.again])
      assert.same({ "key" }, back.again)
    end)

    it("may contain itself", function()
      local pool = new_pool(1)
      local t = { name = "loop" }
      t.self = t
      t[t] = t
      local back = echo(pool, t)
      assert.equal("loop", back.name)
      assert.equal(back, back.self)
      assert.equal(back, back[back])
    end)

    it("is shared where it was shared, across arguments too", function()
      local pool = new_pool(1)
      local a, b = { "a" }, { "b" }
      a.other, b.other = b, a
      local one, two, three = echo(pool, a, b, { a, a })
      assert.equal(two, one.other)
      assert.equal(one, two.other)
      assert.equal(one, three[1])
      assert.equal(one, three[2])
      assert.is_true(pool:call("fixtures.results:same", a, a))
      assert.is_false(pool:call("fixtures.results:same", { 1 }, { 1 }))
      local first, second = pool:call("fixtures.results:cycle")
      assert.equal(first, second)
      assert.equal(first, first.self)
    end)

    it("may be a web of references", function()
      local pool = new_pool(1)
      local nodes = {}
      for i = 1, 30 do nodes[i] = { id = i } end
      for _, node in ipairs(nodes) do
        for j, other in ipairs(nodes) do node[j] = other end
      end
      local back = echo(pool, nodes)
      for i = 1, 30 do
        assert.equal(i, back[i].id)
        for j = 1, 30 do assert.equal(back[j], back[i][j]) end
      end
    end)

    it("may be nested as deeply as memory allows", function()
      local pool = new_pool(1)
      for _, depth in ipairs { 1, 100, scale.down(1000000) } do
        local t = nested(depth)
        assert.equal(depth, pool:call("fixtures.results:depth", t))
        local result = pool:call("fixtures.results:deep", depth)
        assert.equal(depth, depth_of(result))
        assert.equal(depth, depth_of(echo(pool, t)))
      end
    end)

    it("may be one of very many arguments or results", function()
      local pool = new_pool(1)
      local n = 250
      local list = table.pack(pool:call("fixtures.results:many", n))
      assert.equal(n, list.n)
      local back = table.pack(echo(pool, table.unpack(list, 1, n)))
      assert.same(list, back)
      local many = table.pack(pool:call("fixtures.results:many", 10000))
      assert.equal(10000, many.n)
    end)

    it("may be a long list of numbers", function()
      local pool = new_pool(1)
      local n = scale.down(100000)
      local integers, floats = {}, {}
      for i = 1, n do
        integers[i], floats[i] = i * 3 - n, i / 3
      end
      local i_back, f_back = echo(pool, integers, floats)
      for i = 1, n do
        assert(i_back[i] == integers[i] and math.type(i_back[i]) == "integer")
        assert(f_back[i] == floats[i])
      end
      assert.equal(n, #i_back)
      assert.is_nil(i_back[n + 1])
      -- One that does not fit the others must not change them.
      integers[n // 2] = 0.5
      i_back = echo(pool, integers)
      assert.equal(0.5, i_back[n // 2])
      assert.equal("integer", math.type(i_back[1]))
      assert.equal("integer", math.type(i_back[n]))
    end)

    it("may be the null of lua-cjson", function()
      local pool = new_pool(1)
      assert.equal(cjson.null, echo(pool, cjson.null))
      assert.equal(cjson.null, echo(pool, { x = cjson.null }).x)
    end)

    it("is what it was when it was submitted", function()
      local pool = new_pool(1)
      local t = { 1, sub = { 2 } }
      local f = pool:submit("fixtures.basic:echo", t)
      t[1], t.sub[1], t.new = "changed", "changed", true
      assert.same({ 1, sub = { 2 } }, f:result())
    end)

    it("is a copy that the task may change", function()
      local pool = new_pool(1)
      local t = { "mine" }
      assert.same({ "mine", "more", changed = true },
                  pool:call("fixtures.basic:change", t))
      assert.same({ "mine" }, t)
    end)
  end)

  for_each_pool(function(new_pool)
    it("is what it was when it was submitted, though it waits", function()
      local pool, gate = new_pool(1), gates.new()
      pool:submit("fixtures.gate:wait", gate.path)
      local t = { "before" }
      local f = pool:submit("fixtures.basic:echo", t)
      t[1] = "after"
      gate:open()
      assert.same({ "before" }, f:result(check.BOUND))
    end)
  end, { concurrent = true })
end)
