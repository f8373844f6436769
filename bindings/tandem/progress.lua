--- The progress bar of a map.
-- @module tandem.progress
-- @local
local core = require "tandem.core"

local progress = {}

local BAR = 24
-- Seconds between two pictures on a terminal, and two lines elsewhere.
local FRAME, LINE = 0.1, 5
progress.FRAME = FRAME

local function seconds(s)
  if s < 60 then return ("%.0fs"):format(s) end
  return ("%d:%02d"):format(s // 60, s % 60 // 1)
end

local function rate(n)
  if n >= 1e6 then return ("%.1fM/s"):format(n / 1e6) end
  if n >= 1e3 then return ("%.1fk/s"):format(n / 1e3) end
  return ("%.1f/s"):format(n)
end

local function count_text(done, total)
  if total then return ("%d/%d"):format(done, total) end
  return ("%d"):format(done)
end

--- One line that says how far the work is.
-- @tparam integer done
-- @tparam ?integer total
-- @tparam number elapsed seconds since the start
-- @tparam[opt=0] number partly what those that are not done add up to
-- @treturn string
function progress.line(done, total, elapsed, partly)
  local so_far = done + (partly or 0)
  local speed = elapsed > 0 and so_far / elapsed or 0
  local text = ("%s  %s  %s"):format(count_text(done, total), rate(speed),
    seconds(elapsed))
  if not total or total == 0 then return text end
  so_far = math.min(so_far, total)
  local full = so_far * BAR // total | 0
  local bar = ("#"):rep(full) .. ("."):rep(BAR - full)
  local left = speed > 0 and so_far < total
    and ", " .. seconds((total - so_far) / speed) .. " left" or ""
  return ("[%s] %3d%%  %s%s"):format(bar, so_far * 100 // total | 0, text, left)
end

local function bar_reporter(total)
  local start = core.now()
  local on_terminal = core.is_terminal(2)
  local pause, last = on_terminal and FRAME or LINE, start
  return function(_, done, ended, partly)
    local now = core.now()
    if not ended and now - last < pause then return end
    last = now
    local line = progress.line(done, total, now - start, partly)
    if on_terminal then
      core.write_error("\r" .. line .. "\27[K" .. (ended and "\n" or ""))
    else
      core.write_error(line .. "\n")
    end
  end
end

local function function_reporter(fn, total)
  local last = 0
  return function(_, done)
    if done == last then return end
    last = done
    fn(done, total)
  end
end

--- What a map tells its progress to, if anything: called with itself, the items
-- done, whether this is the last call, and what those under way have done of
-- themselves, in items.
-- @tparam ?boolean|function option
-- @tparam ?integer total
function progress.reporter(option, total)
  if type(option) == "function" then return function_reporter(option, total) end
  return option and bar_reporter(total) or nil
end

return progress
