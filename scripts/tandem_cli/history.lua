--- The history of the prompt from one run to the next: in TANDEM_HISTORY, or
-- ~/.tandem_history. Where that cannot be read or written there is none,
-- silently.
--
-- @module tandem_cli.history
local M = {}

-- With more bytes than these it loses the older half of its lines.
local MOST = 100000

--- Where it is.
-- @treturn string its path; "", which is readline's word for none
function M.path()
  local named = os.getenv("TANDEM_HISTORY")
  if named then return named end
  local home = os.getenv("HOME")
  return home and home .. "/.tandem_history" or ""
end

-- Returns the size of the file, nil where it could not be written.
local function write(mode, lines, first)
  local file <close> = io.open(M.path(), mode)
  if not file then return nil end
  file:write(table.concat(lines, "\n", first), "\n")
  return file:flush() and file:seek("end")
end

local function shorten()
  local lines = {}
  for line in io.lines(M.path()) do lines[#lines + 1] = line end
  write("w", lines, #lines // 2 + 1)
end

--- Adds lines to it.
-- @tparam {string,...} lines
function M.append(lines)
  if #lines == 0 or M.path() == "" then return end
  local size = write("a", lines, 1)
  if size and size > MOST then shorten() end
end

return M
