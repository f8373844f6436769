--- The table on the terminal, 109 columns wide, printed as the figures come.

local stats = require "bench.stats"

local report = {}
report.__index = report

local WHAT, CELL, RIVAL, TARGET = 34, 12, 7, 9

local function pad(text, width)
  return text .. (" "):rep(width - utf8.len(text))
end

local function pad_left(text, width)
  return (" "):rep(width - utf8.len(text)) .. text
end

--- Three significant digits in five places, with k, M or G for what is large.
local function number(value)
  local size = math.abs(value)
  for _, unit in ipairs { { 1e9, "G" }, { 1e6, "M" }, { 1e4, "k", 1e3 } } do
    if size >= unit[1] then
      return ("%.3g"):format(value / (unit[3] or unit[1])) .. unit[2]
    end
  end
  if size >= 1000 then return ("%.0f"):format(value) end
  return (size < 0.1 and "%.2g" or "%.3g"):format(value)
end

local function figure(summary)
  return summary and number(summary.median) or "-"
end

local function cell(summary)
  local spread = summary and stats.spread(summary)
  local tail = spread and ("±%.0f%%"):format(spread * 100) or ""
  return figure(summary) .. " " .. pad_left(tail, 5)
end

function report.new(kinds, rivals)
  return setmetatable({ kinds = kinds, rivals = rivals }, report)
end

--- A line that `own` (title -> text, of serial and of each kind of pool),
-- `rival` and `target` fill.
function report:line(what, own, rival, target)
  local line = { pad(what, WHAT) }
  local function add(text, width) line[#line + 1] = pad_left(text, width) end
  add(own { name = "serial", title = "serial" }, CELL)
  for _, kind in ipairs(self.kinds) do add(own(kind), CELL) end
  for _, each in ipairs(self.rivals) do add(rival(each), RIVAL) end
  for _, kind in ipairs(self.kinds) do add(target(kind), TARGET) end
  print((table.concat(line):gsub("%s+$", "")))
end

function report.facts(facts, runs, quick)
  print(("%s, %s, %s; %s x %s; Linux %s; load %s"):format(
    facts.tandem, facts.lua, facts.python, facts.cpus,
    facts.cpu_model or "?", facts.kernel or "?", facts.load or "?"))
  print(("%s programs at once do %.2f times the work of one: more no pool can.")
    :format(facts.cpus, facts.parallelism))
  print(("Median of %d runs ± half their range. Aims are targets, ✓ met, ✗ not."
    .. "%s"):format(runs, quick and " Quick: small, rough figures." or ""))
end

function report:heading(family)
  local function title(column) return column.title end
  print()
  self:line(family, title, title, function(kind) return kind.aim end)
  print(("-"):rep(WHAT + CELL * (#self.kinds + 1) + RIVAL * #self.rivals
    + TARGET * #self.kinds))
end

local SIGNS = { ["<="] = "≤ ", [">="] = "≥ " }

local function target_text(target)
  return SIGNS[target.sign] .. number(target.limit)
end

--- A target without a figure counts as not met.
local function verdict(row, kind)
  local target = row.target and row.target[kind.name]
  if not target then return "" end
  return target_text(target) .. (row.met[kind.name] and " ✓" or " ✗")
end

function report:row(row)
  local function of(column) return row.results[column.name] end
  self:line(row.name .. pad_left(row.unit, WHAT - utf8.len(row.name)),
    function(column) return cell(of(column)) end,
    function(rival) return figure(of(rival)) end,
    function(kind) return verdict(row, kind) end)
  io.stdout:flush()
end

function report.note(text)
  if text then print("  " .. text:gsub("\n", "\n  ")) end
end

function report.failure(case, text)
  print(("  %s FAILED: %s"):format(case.name, text))
end

--- A row that belongs to the one above has no name of its own.
local function full_name(row)
  if row.name == row.case then return row.name end
  return row.case .. ": " .. row.name:gsub("^ +", "")
end

--- One kind of pool: how many targets are met, and what the others are short.
local function conclusion(rows, kind)
  local met, all, short = 0, 0, {}
  for _, row in ipairs(rows) do
    local target = row.target and row.target[kind.name]
    if target then all = all + 1 end
    if row.met[kind.name] then
      met = met + 1
    elseif target then
      short[#short + 1] = ("  %s: %s %s, not %s"):format(full_name(row),
        figure(row.results[kind.name]), row.unit, target_text(target))
    end
  end
  print(("\n%s: %d of %d targets met%s"):format(kind.title, met, all,
    #short > 0 and "; short are" or "."))
  for _, text in ipairs(short) do print(text) end
end

function report:summary(rows)
  for _, kind in ipairs(self.kinds) do conclusion(rows, kind) end
end

return report
