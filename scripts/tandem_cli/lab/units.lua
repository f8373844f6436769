--- Numbers as people read them: three digits and a unit.
--
-- @module tandem_cli.lab.units
local M = {}

M.NONE = "–"

-- Three significant digits, never in the form 1e+02.
local function digits(value)
  local size = math.abs(value)
  if size >= 99.95 then return ("%.0f"):format(value) end
  if size >= 9.995 then return ("%.1f"):format(value) end
  return ("%.2f"):format(value)
end

-- From which value on, the unit's size, its name. A unit starts a little below
-- its size, so that 0.9999 s is not "1000 ms".
local TIMES = {
  { 0.9995, 1, " s" }, { 0.9995e-3, 1e-3, " ms" }, { 0, 1e-6, " µs" },
  zero = " s",
}
local COUNTS = {
  { 0.9995e9, 1e9, "G" }, { 0.9995e6, 1e6, "M" }, { 1e4, 1e3, "k" },
  { 0, 1, "" }, zero = "",
}

-- Below a billionth there are only rounding errors.
local NOTHING = 1e-9

local function with_unit(value, units)
  if math.abs(value) < NOTHING then return "0" .. units.zero end
  for _, unit in ipairs(units) do
    if math.abs(value) >= unit[1] then
      return digits(value / unit[2]) .. unit[3]
    end
  end
end

--- A time: "1.24 s", "12.4 ms", "124 µs".
-- @tparam ?number value seconds; nil gives a dash
-- @treturn string
function M.seconds(value)
  return value and with_unit(value, TIMES) or M.NONE
end

--- A count or a rate: "12.4k".
-- @tparam ?number value
-- @treturn string
function M.count(value)
  return value and with_unit(value, COUNTS) or M.NONE
end

--- A share: "37 %".
-- @tparam ?number value
-- @treturn string
function M.percent(value)
  return value and ("%.0f %%"):format(value * 100) or M.NONE
end

-- The places to round up so that the sum is right: those that lose most.
local function most_cut(exact, count)
  local order = {}
  for i = 1, #exact do order[i] = i end
  table.sort(order, function(a, b)
    local lost_a, lost_b = exact[a] % 1, exact[b] % 1
    if lost_a ~= lost_b then return lost_a > lost_b end
    return a < b
  end)
  return table.move(order, 1, count, 1, {})
end

--- The parts of a whole: "37 %" each, which add up to 100.
-- @tparam {number,...} parts their sum is the whole
-- @treturn {string,...}
function M.percents(parts)
  local whole, exact, rounded, left = 0, {}, {}, 100
  for _, part in ipairs(parts) do whole = whole + part end
  if whole <= 0 then left = 0 end
  for i, part in ipairs(parts) do
    exact[i] = whole > 0 and part / whole * 100 or 0
    rounded[i] = math.floor(exact[i])
    left = left - rounded[i]
  end
  for _, i in ipairs(most_cut(exact, left)) do rounded[i] = rounded[i] + 1 end
  for i, percent in ipairs(rounded) do rounded[i] = percent .. " %" end
  return rounded
end

--- A ratio: "1.9×".
-- @tparam ?number value
-- @treturn string
function M.times(value)
  if not value then return M.NONE end
  local form = value >= 99.5 and "%.0f×" or value < 0.095 and "%.2f×"
    or "%.1f×"
  return form:format(value)
end

--- So many of something: "1 item", "2 items".
-- @tparam integer n
-- @tparam string name of one
-- @treturn string
function M.number(n, name)
  return ("%d %s%s"):format(n, name, n == 1 and "" or "s")
end

local NAMES = {
  thread = { "thread", "threads" },
  process = { "process", "processes" },
  one_lock = { "thread under one lock", "threads under one lock" },
  serial = { "serial", "serial" },
}

--- Workers of a kind: "1 thread", "4 processes"; "serial" has no number.
-- @tparam string kind
-- @tparam ?integer n without it the kind alone, as a plural
-- @treturn string
function M.workers(kind, n)
  local names = NAMES[kind] or { kind, kind }
  if kind == "serial" or not n then return names[2] end
  return ("%d %s"):format(n, n == 1 and names[1] or names[2])
end

return M
