--- The demo's table and what it teaches.
--
-- @module demo.report
local M = {}

local LABEL = "%-7s %-14s"
local CELL = "%9s"
local WIDTH = 78

local function row(name, what, cells)
  local texts = { LABEL:format(name, what) }
  for i, cell in ipairs(cells) do texts[i + 1] = CELL:format(cell) end
  return table.concat(texts) .. "\n"
end

local function speed_up(run, i)
  return run.loop.seconds / run.threads[i].seconds
end

local function rows(run)
  local seconds = { ("%.2f"):format(run.loop.seconds) }
  local faster = { "" }
  for i, measured in ipairs(run.threads) do
    seconds[i + 1] = ("%.2f"):format(measured.seconds)
    faster[i + 1] = ("%.2f x"):format(speed_up(run, i))
  end
  return row(run.job.name, "seconds", seconds)
    .. row("", "times as fast", faster)
end

--- The figures as a table.
-- @tparam {table,...} runs
-- @tparam {integer,...} widths
-- @treturn string
function M.table(runs, widths)
  local heads = { "loop" }
  for i, width in ipairs(widths) do
    heads[i + 1] = width == 1 and "1 thread" or width
  end
  local head = row("", "", heads)
  local parts = { head, ("-"):rep(#head - 1), "\n" }
  for _, run in ipairs(runs) do parts[#parts + 1] = rows(run) end
  return table.concat(parts)
end

-- Sets a text in lines, the first with a name before it.
local function paragraph(name, text)
  local margin = (" "):rep(8)
  local lines, line = {}, ("%-7s"):format(name)
  for word in text:gmatch("%S+") do
    if #line + 1 + #word > WIDTH then
      lines[#lines + 1] = line
      line = margin .. word
    else
      line = line .. " " .. word
    end
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n") .. "\n"
end

local function fastest(run)
  local best = 1
  for i in ipairs(run.threads) do
    if speed_up(run, i) > speed_up(run, best) then best = i end
  end
  return best
end

--- What the figures teach, a paragraph a job.
-- @tparam {table,...} runs
-- @tparam {integer,...} widths
-- @tparam integer cores
-- @treturn string
function M.lessons(runs, widths, cores)
  local parts = {}
  for i, run in ipairs(runs) do
    local best = fastest(run)
    parts[i] = paragraph(run.job.name, run.job.lesson(
      speed_up(run, best), widths[best], cores, run))
  end
  parts[#parts + 1] = "\nAll results were equal to the loop's.\n"
    .. "Figures are the better of two runs, for the pages of one.\n"
  return table.concat(parts)
end

return M
