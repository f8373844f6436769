-- slow_hash.lua -- PBKDF2 with HMAC-SHA-256, one block of it, in plain Lua.
--
-- An example of a task that is slow. Where there is a library for it in C, a
-- task that calls that is the better one.
local slow_hash = {}

-- The first 32 bits of the fractional part of a root of the n-th prime.
local function root_words(count, power)
  local words, n = {}, 2
  while #words < count do
    local is_prime = true
    for d = 2, math.floor(math.sqrt(n)) do
      if n % d == 0 then is_prime = false end
    end
    if is_prime then
      local root = n ^ power
      words[#words + 1] = math.floor((root - math.floor(root)) * 2 ^ 32)
    end
    n = n + 1
  end
  return words
end

local START, ROUND = root_words(8, 1 / 2), root_words(64, 1 / 3)

local function rotate(x, n)
  return (x >> n | x << (32 - n)) & 0xffffffff
end

-- One block of 64 bytes of `text`, from `at`, into the eight words of `state`.
local function mix(state, text, at)
  local w = { (">I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4"):unpack(text, at) }
  for i = 17, 64 do
    local x, y = w[i - 15], w[i - 2]
    w[i] = (w[i - 16] + (rotate(x, 7) ~ rotate(x, 18) ~ x >> 3) + w[i - 7]
      + (rotate(y, 17) ~ rotate(y, 19) ~ y >> 10)) & 0xffffffff
  end
  local a, b, c, d, e, f, g, h = table.unpack(state)
  for i = 1, 64 do
    local t1 = h + (rotate(e, 6) ~ rotate(e, 11) ~ rotate(e, 25))
      + (e & f ~ ~e & g) + ROUND[i] + w[i]
    local t2 = (rotate(a, 2) ~ rotate(a, 13) ~ rotate(a, 22))
      + (a & b ~ a & c ~ b & c)
    h, g, f, e = g, f, e, (d + t1) & 0xffffffff
    d, c, b, a = c, b, a, (t1 + t2) & 0xffffffff
  end
  for i, x in ipairs { a, b, c, d, e, f, g, h } do
    state[i] = (state[i] + x) & 0xffffffff
  end
end

local function sha256(text)
  local state = { table.unpack(START) }
  local padded = text .. "\x80" .. ("\0"):rep(-(#text + 9) % 64)
    .. (">I8"):pack(#text * 8)
  for at = 1, #padded, 64 do mix(state, padded, at) end
  return (">I4I4I4I4I4I4I4I4"):pack(table.unpack(state))
end

local function hmac(key, text)
  if #key > 64 then key = sha256(key) end
  key = key .. ("\0"):rep(64 - #key)
  local function masked(mask)
    return (key:gsub(".", function(c) return string.char(c:byte() ~ mask) end))
  end
  return sha256(masked(0x5c) .. sha256(masked(0x36) .. text))
end

--- The first 32 bytes of the derived key, in hexadecimal digits.
function slow_hash.pbkdf2(password, salt, rounds)
  local block = hmac(password, salt .. "\0\0\0\1")
  local words = { (">I8I8I8I8"):unpack(block) }
  for _ = 2, rounds do
    block = hmac(password, block)
    local more = { (">I8I8I8I8"):unpack(block) }
    for i = 1, 4 do words[i] = words[i] ~ more[i] end
  end
  return ("%016x%016x%016x%016x"):format(table.unpack(words, 1, 4))
end

return slow_hash
