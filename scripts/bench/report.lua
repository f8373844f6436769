--- The table on the terminal, printed as the figures come.

local stats = require "bench.stats"

local report = {}
report.__index = report

local WHAT, CELL, TARGET = 35, 12, 9

local function pad(text, width)
  return text .. (" "):rep(width - utf8.len(text))
end

local function pad_left(text, width)
  return (" "):rep(width - utf8.len(text)) .. text
end

--- Three significant digits, with k, M or G for what is large.
local function number(value)
  for _, unit in ipairs { { 1e9, "G" }, { 1e6, "M" }, { 1e4, "k", 1e3 } } do
    if math.abs(value) >= unit[1] then
      return ("%.3g"):format(value / (unit[3] or unit[1])) .. unit[2]
    end
  end
  if math.abs(value) >= 1000 then return ("%.0f"):format(value) end
  return ("%.3g"):format(value)
end

local function cell(summary)
  if not summary then return "-" end
  local spread = stats.spread(summary)
  local tail = spread and ("±%.0f%%"):format(spread * 100) or ""
  return number(summary.median) .. " " .. pad_left(tail, 5)
end

function report.new(kinds, with_python)
  local titles = { { key = "serial", title = "serial" } }
  for _, kind in ipairs(kinds) do
    table.insert(titles, { key = kind.name, title = kind.title })
  end
  if with_python then
    table.insert(titles, { key = "python", title = "CPython" })
  end
  return setmetatable({ kinds = kinds, titles = titles }, report)
end

function report.facts(facts, runs, quick)
  print(("%s, %s, %s; %s x %s; Linux %s; load %s"):format(
    facts.tandem, facts.lua, facts.python, facts.cpus,
    facts.cpu_model or "?", facts.kernel or "?", facts.load or "?"))
  print(("%s programs at once do %.2f times the work of one: more no pool can.")
    :format(facts.cpus, facts.parallelism))
  print(("Median of %d runs ± half their range.%s"):format(
    runs, quick and " Quick: small sizes, rough figures." or ""))
end

function report:heading(family)
  local line = { pad(family, WHAT) }
  for _, column in ipairs(self.titles) do
    line[#line + 1] = pad_left(column.title, CELL)
  end
  line[#line + 1] = pad_left("target", TARGET) .. "  result"
  print("\n" .. table.concat(line))
  print(("-"):rep(WHAT + CELL * #self.titles + TARGET + 14))
end

local function target_text(target)
  return target.sign .. " " .. number(target.limit)
    .. (target.of_serial and "x" or "")
end

--- The verdict on one kind of pool; a ratio to serial is shown beside it.
local function result_text(row, kind)
  local target, ratio = row.target[kind.name], row.ratio[kind.name]
  if row.met[kind.name] == nil then return "no figure" end
  local verdict = row.met[kind.name] and "met" or "short"
  if not target.of_serial then return verdict end
  return ("%.2fx %s"):format(ratio.median, verdict)
end

--- The targets and the verdicts, of all kinds of pool that have one.
local function verdicts(row, kinds)
  local bounds, results = {}, {}
  for _, kind in ipairs(kinds) do
    if row.target and row.target[kind.name] then
      table.insert(bounds, target_text(row.target[kind.name]))
      table.insert(results, result_text(row, kind))
    end
  end
  return table.concat(bounds, " / "), table.concat(results, " / ")
end

function report:row(row)
  local unit_width = WHAT - utf8.len(row.name)
  local line = { row.name, pad_left(row.unit, unit_width) }
  for _, column in ipairs(self.titles) do
    line[#line + 1] = pad_left(cell(row.results[column.key]), CELL)
  end
  local bounds, results = verdicts(row, self.kinds)
  line[#line + 1] = pad_left(bounds, TARGET) .. "  " .. results
  print((table.concat(line):gsub("%s+$", "")))
  io.stdout:flush()
end

function report.note(text)
  if text then print("  " .. text) end
end

function report.failure(case, text)
  print(("  %s FAILED: %s"):format(case.name, text))
end

--- A target without a figure counts as not met.
function report:summary(rows)
  local met, all = 0, 0
  for _, row in ipairs(rows) do
    for _, kind in ipairs(self.kinds) do
      if row.target and row.target[kind.name] then all = all + 1 end
      if row.met[kind.name] then met = met + 1 end
    end
  end
  print(("\n%d of %d targets met."):format(met, all))
end

return report
