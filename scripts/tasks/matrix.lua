--- Matrix products, in plain Lua.
--
-- @module tasks.matrix
local M = {}

--- A square matrix of numbers from -1 to 1 that depend on the seed alone.
-- @tparam integer size
-- @tparam integer seed
-- @treturn {{number,...},...} rows
function M.new(size, seed)
  local rows = {}
  for y = 1, size do
    local row = {}
    for x = 1, size do row[x] = math.sin(seed + 31 * y + 17 * x) end
    rows[y] = row
  end
  return rows
end

local function column(matrix, x)
  local values = {}
  for y = 1, #matrix do values[y] = matrix[y][x] end
  return values
end

--- The product of two square matrices of the same size.
-- @tparam {{number,...},...} a
-- @tparam {{number,...},...} b
-- @treturn {{number,...},...}
function M.multiply(a, b)
  local size, product = #a, {}
  for y = 1, size do product[y] = {} end
  for x = 1, size do
    local down = column(b, x)
    for y = 1, size do
      local row, sum = a[y], 0.0
      for k = 1, size do sum = sum + row[k] * down[k] end
      product[y][x] = sum
    end
  end
  return product
end

--- Multiplies two matrices made from a seed, and adds up the diagonal.
-- Nothing but two numbers goes in, and one comes out.
-- @tparam integer size
-- @tparam integer seed
-- @treturn number
function M.trace(size, seed)
  local product = M.multiply(M.new(size, seed), M.new(size, seed + 1))
  local sum = 0.0
  for i = 1, size do sum = sum + product[i][i] end
  return sum
end

M._tasks = {
  trace = {
    kind = "cpu", about = "the trace of a product of two square matrices",
    args = { "size", "seed" }, example = { 40, 1 },
  },
}

return M
