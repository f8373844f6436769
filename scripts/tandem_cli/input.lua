--- Lines for the REPL: with editing and a history at a terminal, plain from
-- a pipe.
--
-- At a terminal lua-readline does the editing where it is installed. It is
-- given a key when there is one, and not left to wait by itself: so a Ctrl-C
-- is heard at once, and callbacks run while nothing is typed.
--
-- @module tandem_cli.input
local core = require "tandem.core"
local tandem = require "tandem"

local complete = require "tandem_cli.complete"
local failure = require "tandem_cli.failure"
local history = require "tandem_cli.history"
local terminal = require "tandem_cli.terminal"

local M = {}

-- A descriptor that is never ready.
local NOBODY = -1

-- Readline is a library of the system, loaded for its Lua module alone; asked
-- for like this it shows to others as well: core.resize_readline and
-- core.leave_readline find it.
local function show_readline()
  local path = package.searchpath("C-readline", package.cpath)
  if path then package.loadlib(path, "*") end
  return core.has_readline()
end

-- Readline forgets after each completion that no blank is to follow.
local function set_up(readline)
  readline.set_options {
    histfile = history.path(), auto_add = false,
  }
  readline.set_readline_name("tandem")
  readline.set_complete_function(function(text, from, to)
    readline.set_completion_append_character("")
    return complete.complete(text:sub(1, to), from)
  end)
end

-- The module closes the stream before readline is done with it, so readline
-- has to be done before.
local function leave(readline)
  core.leave_readline()
  readline.handler_remove()
end

-- Callbacks may print, so the prompt makes room, and comes back.
local function run_callbacks(prompt, on_line, readline)
  leave(readline)
  io.write("\r", (" "):rep(#prompt), "\r")
  io.flush()
  tandem.poll(0)
  io.flush()
  readline.handler_install(prompt, on_line)
end

-- The window may have changed; readline is not there to hear its signal.
local function take_key(reader)
  local width = terminal.width()
  if width ~= reader.width then
    reader.width = width
    core.resize_readline()
  end
  reader.readline.read_char()
end

local function read_keys(reader, prompt)
  local readline, line, ended, typed = reader.readline, nil, false, false
  local function on_line(text)
    line, ended = text, true
    readline.handler_remove()
  end
  readline.handler_install(prompt, on_line)
  while not ended do
    local key, due = core.wait_input(0, typed and NOBODY or tandem.fileno())
    if key then
      typed = true
      take_key(reader)
    elseif due then
      run_callbacks(prompt, on_line, readline)
    end
  end
  return line
end

local function remember(reader, line)
  if not line:find("%S") or line == reader.last then return end
  reader.last = line
  reader.entered[#reader.entered + 1] = line
  reader.readline.add_history(line)
end

local Edited = { interactive = true }
Edited.__index = Edited

-- Ctrl-C drops what was typed, and is no error; anything else is one.
local function dropped(reader, problem)
  leave(reader.readline)
  io.write("\n")
  if not failure.is_interruption(problem) then error(problem, 0) end
  core.keep_interrupts()
  return nil, true
end

function Edited:read(prompt)
  io.flush()
  local ok, line = pcall(read_keys, self, prompt)
  if not ok then return dropped(self, line) end
  if line then remember(self, line) else io.write("\n") end
  return line
end

function Edited:close()
  history.append(self.entered)
end

local Plain = {}
Plain.__index = Plain

function Plain:read(prompt)
  if self.interactive then
    io.write(prompt)
    io.flush()
  end
  local line, why = io.read("l")
  return line, nil, why
end

function Plain.close() end

--- Opens the standard input.
-- @treturn table `interactive`; `read(prompt)`, which returns a line, or nil
--   at the end, or nil and true after a Ctrl-C, or nil, nil, and why nothing
--   can be read; `close()`
function M.open()
  if not terminal.is_terminal("stdin") then
    return setmetatable({ interactive = false }, Plain)
  end
  local loaded, readline = pcall(require, "readline")
  if not loaded or not show_readline() then
    return setmetatable({ interactive = true }, Plain)
  end
  set_up(readline)
  return setmetatable({ readline = readline, entered = {},
                        width = terminal.width() }, Edited)
end

return M
