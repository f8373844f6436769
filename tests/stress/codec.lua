-- Random values through the codec: what comes back is the same, bit for bit
-- and shape for shape, and so it is after a second time.
--
--   lua5.4 tests/stress/codec.lua [rounds [seed]]
--
-- The module under test is tandem.core, or the one named by CODEC.

local codec = require(os.getenv("CODEC") or "tandem.core")

local rounds = tonumber(arg[1]) or 100000
local seed = tonumber(arg[2]) or os.time()
math.randomseed(seed)
local random = math.random

local nan = 0 / 0
local odd_nan = string.unpack("n", string.pack("I8", 0x7ff8dead0000beef))
local numbers = {
  0, -1, 111, 112, -16, -17, 127, 128, -128, -129, 32767, 32768, -32769,
  2147483647, 2147483648, -2147483649, math.maxinteger, math.mininteger,
  0.0, -0.0, 1.5, 1 / 0, -1 / 0, nan, odd_nan, 5e-324, 1.7976931348623157e308,
  0.1 + 0.2, 2.0 ^ 53, 1.0,
}
local lengths = {
  0, 1, 39, 40, 41, 94, 95, 96, 97, 255, 256, 257, 65535, 65536,
}

local function random_string()
  local n = random(4) > 1 and random(0, 12) or lengths[random(#lengths)]
  if n > 300 and random(50) > 1 then n = 7 end
  return (string.rep("x", n):gsub("x", function()
    return string.char(random(0, 255))
  end, 8))
end

local function random_scalar()
  local kind = random(6)
  if kind == 1 then return random(2) == 1 end
  if kind == 2 then return random_string() end
  if kind == 3 then return numbers[random(#numbers)] end
  if kind == 4 then return random() end
  if kind == 5 then return random(-300, 300) end
  return random(0)
end

local random_value

-- A table that is a key bears a mark, to be told from the other keys.
local marks = 0
local function random_key(pool)
  local key = random(3) == 1 and random_value(pool) or random_scalar()
  if type(key) == "table" and not key.mark then
    marks = marks + 1
    key.mark = marks
  end
  return key
end

-- Fill by each of the ways that leave a table in another layout.
local fillers = {
  function(t, n) for i = 1, n do t[i] = random(0) end end,
  function(t, n) for i = 1, n do t[i] = random() end end,
  function(t, n) for i = n, 1, -1 do t[i] = i end end,
  function(t, n, pool) for i = 1, n do t[i] = random_value(pool) end end,
  function(t, n) for i = 1, n do t[i] = i end
    for _ = 1, n // 2 do t[random(n)] = nil end end,
  function(t, n) for i = 1, n do t["k" .. i] = i end
    for i = 1, n do t["k" .. i] = nil; t[i] = i end end,
  function(t, n) for i = 1, n do t[i] = i % 9 == 0 and "x" or i + 0.0 end end,
  function(t, n, pool)
    for _ = 1, n do
      local key = random_key(pool)
      if key ~= nil and key == key then t[key] = random_value(pool) end
    end
  end,
}

local function random_table(pool)
  local t = {}
  pool.left = pool.left - 1
  pool[#pool + 1] = t
  local n = random(8) == 1 and random(300) or random(0, 12)
  for _ = 1, random(0, 3) do fillers[random(#fillers)](t, n, pool) end
  return t
end

function random_value(pool)
  local kind = random(8)
  if kind <= 2 and pool.left > 0 then return random_table(pool) end
  if kind == 3 and #pool > 0 then return pool[random(#pool)] end
  return random_scalar()
end

local function same_scalar(a, b)
  if math.type(a) ~= math.type(b) then return false end
  if math.type(a) == "float" then
    return string.pack("n", a) == string.pack("n", b)
  end
  return a == b
end

local function count(t)
  local n = 0
  for _ in next, t do n = n + 1 end
  return n
end

local same

-- The table among the keys of b that bears the same mark.
local function marked_key(b, mark)
  for other in next, b do
    if type(other) == "table" and other.mark == mark then return other end
  end
end

local function same_pair(key, value, b, map)
  if type(key) ~= "table" then return same(value, b[key], map) end
  local other = marked_key(b, key.mark)
  return other ~= nil and same(key, other, map) and same(value, b[other], map)
end

local function same_tables(a, b, map)
  if map[a] or map[b] then return map[a] == b and map[b] == a end
  map[a], map[b] = b, a
  if getmetatable(b) ~= nil or count(a) ~= count(b) then return false end
  for key, value in next, a do
    if not same_pair(key, value, b, map) then return false end
  end
  return true
end

function same(a, b, map)
  if type(a) ~= type(b) then return false end
  if type(a) ~= "table" then return same_scalar(a, b) end
  return same_tables(a, b, map)
end

local function check(n, values, bytes)
  local back = table.pack(codec.decode(bytes))
  assert(back.n == n, "the number of values changed")
  local map = {}
  for i = 1, n do
    assert(same(values[i], back[i], map), "a value changed")
  end
  return back
end

local tables, bytes_seen = 0, 0
for round = 1, rounds do
  local pool = { left = random(40) }
  local values = table.pack()
  values.n = random(0, 4)
  for i = 1, values.n do
    values[i] = random(3) == 1 and random_value(pool) or random_table(pool)
  end
  local ok, err = pcall(function()
    local bytes = codec.encode(table.unpack(values, 1, values.n))
    local back = check(values.n, values, bytes)
    local again = codec.encode(table.unpack(back, 1, back.n))
    check(back.n, back, again)
    bytes_seen = bytes_seen + #bytes
  end)
  if not ok then
    error(("seed %d, round %d: %s"):format(seed, round, tostring(err)))
  end
  tables = tables + #pool
end
print(("%d rounds, %d tables, %d bytes, seed %d"):format(rounds, tables,
  bytes_seen, seed))
