--- Lines for the REPL: with editing and a history at a terminal, plain from
-- a pipe.
--
-- At a terminal lua-readline does the editing where it is installed. The
-- history is kept in ${XDG_STATE_HOME:-~/.local/state}/tandem/history; where
-- that cannot be written, there is none, silently.
--
-- @module tandem_cli.input
local terminal = require "tandem_cli.terminal"

local M = {}

local HISTORY_LINES = 1000

local function state_folder()
  local base = os.getenv("XDG_STATE_HOME")
  if base and base:sub(1, 1) == "/" then return base .. "/tandem" end
  local home = os.getenv("HOME")
  return home and home .. "/.local/state/tandem"
end

local function is_writable(path)
  local file = io.open(path, "a")
  return file ~= nil and file:close()
end

local function make_folder(path)
  local quoted = "'" .. path:gsub("'", "'\\''") .. "'"
  os.execute("mkdir -p -- " .. quoted .. " 2>/dev/null")
end

-- The history file if it can be written, else "", which is readline's word
-- for none.
local function history_file()
  local folder = state_folder()
  if not folder then return "" end
  local path = folder .. "/history"
  if not is_writable(path) then make_folder(folder) end
  return is_writable(path) and path or ""
end

local function edited(readline)
  readline.set_options {
    histfile = history_file(), keeplines = HISTORY_LINES, completion = false,
    minlength = 1,
  }
  readline.set_readline_name("tandem")
  return {
    interactive = true,
    read = function(prompt) return readline.readline(prompt) end,
    close = function() readline.save_history() end,
  }
end

local function plain(interactive)
  return {
    interactive = interactive,
    read = function(prompt)
      if interactive then
        io.write(prompt)
        io.flush()
      end
      return io.read("l")
    end,
    close = function() end,
  }
end

--- Opens the standard input.
-- @treturn table `interactive`; `read(prompt)`, which returns a line, or nil
--   at the end; `close()`
function M.open()
  if not terminal.is_terminal("stdin") then return plain(false) end
  local loaded, readline = pcall(require, "readline")
  return loaded and edited(readline) or plain(true)
end

return M
