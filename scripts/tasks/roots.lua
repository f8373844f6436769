--- Sums of square roots: floating-point work in a tight loop.
--
-- @module tasks.roots
local M = {}

--- Adds the square roots of the integers from lo to hi, both included.
-- The order of the additions is fixed, so the same range gives the same
-- bits wherever it is computed.
-- @tparam integer lo not negative
-- @tparam integer hi
-- @treturn number
function M.sum(lo, hi)
  local sqrt = math.sqrt
  local sum = 0.0
  for n = lo, hi do sum = sum + sqrt(n) end
  return sum
end

M._tasks = {
  sum = {
    kind = "cpu", about = "the sum of the square roots from lo to hi",
    args = { "lo", "hi" }, example = { 1, 100000 },
  },
}

return M
