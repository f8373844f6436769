--- The codec: what goes in comes out, or is refused with its path.
local core = require "tandem.core"
local scale = require "spec.support.scale"

local function through(...) return core.decode(core.encode(...)) end

--- The bits of a number, with its subtype.
local function bits(x)
  return math.type(x), string.pack(math.type(x) == "float" and "n" or "j", x)
end

-- One assertion for all: thousands of them are slow.
local function assert_same_pairs(expected, actual)
  local wrong
  for k, v in next, expected do
    if actual[k] ~= v then wrong = k end
  end
  for k in next, actual do
    if expected[k] == nil then wrong = k end
  end
  assert.is_nil(wrong)
end

--- A chain of tables: n steps by the field `next`.
local function chain(n)
  local first = {}
  local last = first
  for _ = 1, n do
    last.next = {}
    last = last.next
  end
  return first, last
end

local function length(node)
  local n = 0
  while node.next do
    n = n + 1
    node = node.next
  end
  return n
end

local function packing(pack, fields)
  return setmetatable(fields or {}, { __tandem_pack = pack })
end

describe("plain values", function()
  it("of no number are no bytes", function()
    assert.equal("", core.encode())
    assert.equal(0, select("#", core.decode("")))
  end)

  it("keep their number, nils and all", function()
    assert.same({ n = 4, nil, false, true, nil },
                table.pack(through(nil, false, true, nil)))
  end)

  it("keep the subtype and bits of numbers", function()
    local odd_nan = string.unpack("n", string.pack("I8", 0x7ff8dead0000beef))
    local numbers = {
      0, -1, -16, -17, 111, 112, 127, 128, -128, -129, 32767, 32768, -32769,
      2^31 | 0, -2^31 | 0, 2^31 - 1 | 0, -2^31 - 1 | 0, 1 << 53, (1 << 53) + 1,
      math.maxinteger, math.mininteger,
      0.0, -0.0, 1.0, 2.0 ^ 53, 0.1 + 0.2, 5e-324, 1.7976931348623157e308,
      1 / 0, -1 / 0, 0 / 0, -(0 / 0), odd_nan,
    }
    for i, x in ipairs(numbers) do
      local kind, pattern = bits(x)
      local back_kind, back_pattern = bits((through(x)))
      assert.equal(kind, back_kind, "number " .. i)
      assert.equal(pattern, back_pattern, "number " .. i)
    end
  end)

  it("keep every byte of strings of any length", function()
    local all = {}
    for i = 0, 255 do all[#all + 1] = string.char(i) end
    assert.equal(table.concat(all), (through(table.concat(all))))
    for _, n in ipairs { 0, 1, 39, 40, 41, 95, 96, 255, 256, 65535, 65536,
                         1 << 20 } do
      local s = string.rep("\xff\0", n // 2) .. string.rep("x", n % 2)
      assert.is_true(s == through(s))
    end
  end)

  it("may be many", function()
    local many, n = {}, scale.down(100000)
    for i = 1, n do many[i] = i end
    local back = table.pack(through(table.unpack(many)))
    assert.equal(n, back.n)
    assert.equal(n, back[n])
    assert.equal(250, select("#", through(table.unpack(many, 1, 250))))
  end)

  it("have one light userdata among them, NULL", function()
    local null = require("cjson").null
    assert.equal(null, (through(null)))
    assert.equal(null, through({ x = null }).x)
  end)
end)

describe("tables", function()
  it("keep holes and every legal key", function()
    local t = {
      1, nil, 3, nil, nil, 6, [1e9] = "far", [-1] = "before", [0] = "zero",
      ["1"] = "string", [1.5] = "float", [true] = "yes", [false] = "no",
      [math.mininteger] = "least", [math.maxinteger] = "most",
      [1 / 0] = "inf", [2^53] = "normal",
    }
    local back = through(t)
    assert_same_pairs(t, back)
    assert.equal("normal", back[1 << 53])
  end)

  it("come through in whatever layout they are", function()
    for n = 0, 40 do
      local reversed, reused, thinned, mixed = {}, {}, {}, {}
      for i = n, 1, -1 do reversed[i] = i * 1.5 end
      for i = 1, 20 do reused["k" .. i] = i end
      for i = 1, 20 do reused["k" .. i] = nil end
      for i = 1, n do
        reused[i] = i
        thinned[i] = i
        mixed[i], mixed[tostring(i)], mixed[i + 0.5] = i, -i, true
      end
      for i = 1, n, 3 do thinned[i] = nil end
      for _, t in ipairs { reversed, reused, thinned, mixed } do
        assert_same_pairs(t, through(t))
      end
    end
  end)

  it("of numbers are told apart from those nearly so", function()
    for _, n in ipairs { 1, 8, 9, 10, 255, 256, 257, 5000 } do
      local ints, floats, nearly = {}, {}, {}
      for i = 1, n do
        ints[i], floats[i] = i << 32, i + 0.0
        nearly[i] = i % 20 == 0 and "x" or i
      end
      nearly.name = "n"
      for _, t in ipairs { ints, floats, nearly } do
        local back = through(t)
        assert_same_pairs(t, back)
        assert.equal(math.type(t[1]), math.type(back[1]))
      end
    end
  end)

  it("keep what is shared and what is cyclic, across the values", function()
    local a, b = {}, {}
    a.other, b.other, a.self = b, a, a
    a[b] = "key"
    local x, y, list = through(a, b, { a, b, a })
    assert.equal(y, x.other)
    assert.equal(x, y.other)
    assert.equal(x, x.self)
    assert.equal("key", x[y])
    assert.equal(x, list[1])
    assert.equal(y, list[2])
    assert.equal(x, list[3])
    assert.not_equal(a, x)
  end)

  it("nest as deep as memory allows", function()
    for _, depth in ipairs { 30, 99, 100, 101, 1000, scale.down(1000000) } do
      assert.equal(depth, length((through((chain(depth))))))
    end
  end)

  it("keep identity however deep", function()
    local first, last = chain(1000)
    last.back, first.last = first, last
    local back, back_last = through(first, last)
    assert.equal(back, back_last.back)
    assert.equal(back_last, back.last)
    assert.equal(1000, length(back))
  end)
end)

describe("what cannot be sent", function()
  local db = {}
  local co = coroutine.create(print)
  local cases = {
    { function() return db end, "a function with upvalue 'db' cannot be sent" },
    { function() return print end, "a function cannot be sent" },
    { print, "a C function cannot be sent" },
    { co, "coroutine" },
    { io.stdout, "FILE*" },
    { setmetatable({}, {}), "a table with a metatable cannot be sent" },
    { setmetatable({}, { __name = "Account" }), "('Account') cannot be sent" },
  }

  local function refused(path, reason, ...)
    local ok, message = pcall(core.encode, ...)
    assert.is_false(ok)
    message = tostring(message)
    local found = message:find(path .. ": ", 1, true)
    assert.is_truthy(found, message)
    assert.is_truthy(message:find(reason, 1, true), message)
  end

  it("is refused by what it is", function()
    for _, case in ipairs(cases) do
      refused("#1", case[2], case[1])
      refused("#2", case[2], 1, case[1])
    end
  end)

  it("is refused with the path to it", function()
    for _, case in ipairs(cases) do
      local bad, reason = case[1], case[2]
      refused("#2.cfg.on_error", reason, 0, { cfg = { on_error = bad } })
      refused("#1[3][1]", reason, { 1, 2, { bad } })
      refused('#1["odd key"][true]', reason, { ["odd key"] = { [true] = bad } })
      refused("#1[1.5]", reason, { [1.5] = bad })
      refused("#1[table].x", reason, { [{}] = { x = bad } })
      refused("key of argument #1.a", reason, { a = { [bad] = 1 } })
      refused("#1.a[key].x", reason, { a = { [{ x = bad }] = 1 } })
    end
  end)

  it("is refused with both ends of a long path", function()
    local first, last = chain(scale.down(5000))
    last.bad = print
    refused(".next.bad", "a C function", first)
    refused("#1.next.next[1]", "a C function", (function()
      local short, short_last = chain(1)
      short_last.next = { print }
      return short
    end)())
  end)

  it("runs no code on its way", function()
    local function never() error("user code ran") end
    local t = setmetatable({ 1 }, {
      __index = never, __len = never, __pairs = never, __eq = never,
      __tostring = never, __metatable = "locked",
    })
    refused("#1", "a table with a metatable", t)
  end)

  it("leaves nothing behind for the next", function()
    local shared = {}
    pcall(core.encode, shared, { shared, print })
    local x, y = through(shared, shared)
    assert.equal(x, y)
  end)
end)

describe("__tandem_pack", function()
  it("gives what is sent in the object's place", function()
    local object = packing(function(o) return { v = o.v } end, { v = 7 })
    local back = through({ object })[1]
    assert.same({ v = 7 }, back)
    assert.is_nil(getmetatable(back))
    assert.equal("plain", (through(packing(function() return "plain" end))))
  end)

  it("is called once for one object, which stays shared", function()
    local calls = 0
    local object = packing(function(o)
      calls = calls + 1
      return { me = o }
    end)
    local x, list = through(object, { object, object })
    assert.equal(1, calls)
    assert.equal(x, list[1])
    assert.equal(x, list[2])
    assert.equal(x, x.me)
  end)

  it("may fail, and then says where", function()
    local function message(pack)
      local _, text = pcall(core.encode, { job = packing(pack) })
      return tostring(text)
    end
    local function has(part, text)
      assert.is_truthy(text:find("#1.job", 1, true), text)
      assert.is_truthy(text:find(part, 1, true), text)
    end
    has("boom", message(function() error("boom") end))
    has("raised a table", message(function() error({}) end))
    has("returned nil", message(function() end))
    has("itself", message(function(o) return o end))
    has("a C function", message(function() return print end))
    has("#1.job.deep[1]: a C function",
        message(function() return { deep = { print } } end))
    has("attempt to yield", message(coroutine.yield))
  end)

  it("may encode something itself", function()
    local object = packing(function()
      return { core.encode({ 1, packing(function() return 2 end) }) }
    end)
    local x, y = through({ object }, object)
    assert.equal(x[1], y)
    assert.same({ 1, 2 }, (core.decode(y[1])))
  end)

  it("may change what is being sent, at its own risk", function()
    local t = {}
    for i = 1, 20 do t["k" .. i] = i end
    t.object = packing(function()
      for i = 1, 20 do t["k" .. i] = nil end
      for i = 1, 1000 do t["n" .. i] = i end
      collectgarbage()
      return 1
    end)
    pcall(core.encode, t)
    assert.same({ 1 }, (through({ 1 })))
  end)

  it("may let tables go that were met before", function()
    -- A table that takes the place of a collected one was taken for it.
    for _ = 1, scale.down(200) do
      local fading = {}
      for i = 1, 50 do fading[i] = { i } end
      local object = packing(function()
        for i = 1, 50 do fading[i] = nil end
        collectgarbage()
        local fresh = {}
        for i = 1, 50 do fresh[i] = { -i } end
        return fresh
      end)
      local old, fresh = through(fading, object)
      for i = 1, 50 do
        assert.equal(i, old[i][1])
        assert.equal(-i, fresh[i][1])
      end
    end
  end)
end)

describe("bytes that are no message", function()
  it("are refused wherever a message is cut or changed", function()
    local shared = {}
    local floats = {}
    for i = 1, 20 do floats[i] = i + 0.5 end
    local whole = core.encode(1, "text", { 1, 2, x = { shared, shared } },
                              floats, (chain(150)))
    for i = 1, #whole, scale.slow and 37 or 1 do
      for _, byte in ipairs { 0, 1, 0x0d, 0x11, 0x12, 0x7f, 0xff } do
        pcall(core.decode, whole:sub(1, i - 1) .. string.char(byte) ..
                             whole:sub(i + 1))
      end
      pcall(core.decode, whole:sub(1, i))
    end
    assert.is_false(pcall(core.decode, whole .. "\0\0\x12"))
    assert.is_false(pcall(core.decode, whole:sub(1, #whole - 1)))
  end)

  it("cannot ask for more memory than they are worth", function()
    collectgarbage()
    local before = collectgarbage("count")
    for _, head in ipairs { "\x0d", "\x0a", "\x0b", "\x0c\1\0\x12" } do
      assert.is_false(pcall(core.decode, "\0" .. head .. ("\xff"):rep(8)))
    end
    assert.is_true(collectgarbage("count") - before < 64)
  end)
end)
