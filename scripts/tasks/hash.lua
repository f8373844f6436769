--- Checksums of strings, in plain Lua.
--
-- Adler-32 is here because it is quick without a table of its own and
-- because others can check it (Python has `zlib.adler32`). FNV-1a, of 64
-- bits, is the better one for telling many strings apart. Neither of them
-- is for secrets.
--
-- @module tasks.hash
local M = {}

-- Adler-32 takes its sums modulo the largest prime below 2^16.
local ADLER_BASE = 65521

-- Sums of 64-bit integers may wait a long time for their modulo, but not
-- for ever; with 2^20 bytes between two of them nothing comes near 2^63.
local ADLER_STRIDE = 1 << 20

-- Adds the bytes of text from first to last to the two sums.
local function adler_add(text, first, last, a, b)
  local byte = string.byte
  local i = first
  -- Eight bytes a turn: b grows by the eight values that a goes through.
  while i + 7 <= last do
    local c1, c2, c3, c4, c5, c6, c7, c8 = byte(text, i, i + 7)
    b = b + 8 * (a + c1) + 7 * c2 + 6 * c3 + 5 * c4
          + 4 * c5 + 3 * c6 + 2 * c7 + c8
    a = a + c1 + c2 + c3 + c4 + c5 + c6 + c7 + c8
    i = i + 8
  end
  for j = i, last do
    a = a + byte(text, j)
    b = b + a
  end
  return a, b
end

--- The Adler-32 checksum of a string, as RFC 1950 defines it.
-- @tparam string text
-- @treturn integer from 0 to 2^32 - 1
function M.adler32(text)
  local a, b = 1, 0
  for first = 1, #text, ADLER_STRIDE do
    local last = math.min(first + ADLER_STRIDE - 1, #text)
    a, b = adler_add(text, first, last, a, b)
    a, b = a % ADLER_BASE, b % ADLER_BASE
  end
  return b << 16 | a
end

--- The 64-bit FNV-1a hash of a string.
-- @tparam string text
-- @treturn string sixteen hexadecimal digits
function M.fnv1a(text)
  local byte = string.byte
  local hash = 0xcbf29ce484222325
  for i = 1, #text do hash = (hash ~ byte(text, i)) * 0x100000001b3 end
  return ("%016x"):format(hash)
end

--- Hashes a string, then the hash, and so on: CPU work of any length.
-- @tparam string text
-- @tparam integer rounds
-- @treturn string sixteen hexadecimal digits
function M.stretch(text, rounds)
  local hash = text
  for _ = 1, rounds do hash = M.fnv1a(hash .. text) end
  return hash
end

M._tasks = {
  adler32 = {
    kind = "cpu", about = "the Adler-32 checksum of a string",
    args = { "text" }, example = { "Wikipedia" },
  },
  fnv1a = {
    kind = "cpu", about = "the 64-bit FNV-1a hash of a string",
    args = { "text" }, example = { "foobar" },
  },
  stretch = {
    kind = "cpu", about = "FNV-1a of its own result, many times over",
    args = { "text", "rounds" }, example = { "salt", 10000 },
  },
}

return M
