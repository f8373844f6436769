--- The REPL: Lua statements, one after another, and commands.
--
-- At a terminal it prompts. From a pipe it runs the same lines as a script:
-- no prompt, a failing statement is told on stderr and the rest still runs,
-- the exit status is 1 if any failed, and work that was submitted is waited
-- for at the end.
--
-- @module tandem_cli.repl
local core = require "tandem.core"
local tandem = require "tandem"

local commands = require "tandem_cli.commands"
local failure = require "tandem_cli.failure"
local input = require "tandem_cli.input"
local output = require "tandem_cli.output"
local printer = require "tandem_cli.printer"
local sessions = require "tandem_cli.session"
local terminal = require "tandem_cli.terminal"
local text = require "tandem_cli.text"
local units = require "tandem_cli.lab.units"

local M = {}

local PROMPT, MORE = "tandem> ", "     -> "

local CHUNK_NAME = "=stdin"

local Repl = {}
Repl.__index = Repl

local function unfinished(message)
  return message:sub(-5) == "<eof>"
end

local function pass(...)
  return ...
end

-- A chunk, to be called with `pass`, for a whole statement or expression; nil
-- and a message for a wrong one; nil and nil for one whose end is yet to come.
local function compile(source)
  local expression, why = load("return " .. source, CHUNK_NAME, "t")
  -- No tail call: an error shall find the line that was typed.
  if expression then
    return load("local pass = ... return pass(" .. source .. "\n)",
                CHUNK_NAME, "t") or expression
  end
  local statement, message = load(source, CHUNK_NAME, "t")
  if statement then return statement end
  if unfinished(message) or unfinished(why) then return nil end
  return nil, message
end

function Repl:complain(message)
  self.failed = true
  io.stdout:flush()
  local colour = self.session.colour and core.is_terminal(2)
  io.stderr:write(text.paint(colour, "red", message), "\n")
end

local function show_all(...)
  local values, shown = table.pack(...), {}
  local width = terminal.width()
  for i = 1, values.n do shown[i] = printer.show(values[i], width) end
  if values.n > 0 then io.write(table.concat(shown, "\t"), "\n") end
end

-- Whoever is at the prompt presses Ctrl-C more than once in a session.
function Repl:report(problem)
  if failure.is_interruption(problem) then
    core.keep_interrupts()
    problem = "interrupted"
  end
  self:complain(problem)
end

function Repl:run(chunk)
  local values = table.pack(xpcall(chunk, failure.traceback, pass))
  if values[1] then
    -- It may take long, and somebody's __tostring may run.
    values = table.pack(xpcall(show_all, failure.traceback,
                               table.unpack(values, 2, values.n)))
  end
  if not values[1] then self:report(values[2]) end
end

-- What a command says fits the window; a traceback is left as it is.
local function wrapped(message, width)
  if message:find("\n\t", 1, true) then return message end
  local lines = {}
  for line in message:gmatch("[^\n]+") do
    lines[#lines + 1] = text.wrap(line, width)
  end
  return table.concat(lines, "\n")
end

function Repl:call_command(line)
  local ok, problem = xpcall(commands.call, failure.of_command, self.session,
                             line)
  if problem then self:report(wrapped(problem, self.session.width)) end
  if ok and self.session.leaving then self.leaving = true end
end

-- Deals with a line; what it returns is still unfinished and wants more.
function Repl:feed(pending, line)
  local source = pending and pending .. "\n" .. line or line
  if source:sub(1, 1) == ":" then
    if commands.is_unfinished(source) then return source end
    self:call_command(source)
    return nil
  end
  local chunk, message = compile(source)
  if chunk then
    self:run(chunk)
  elseif message then
    self:complain(message)
  else
    return source
  end
end

-- What is pasted comes as one line, with line feeds in it.
function Repl:feed_lines(pending, lines)
  for line in (lines .. "\n"):gmatch("([^\n]*)\n") do
    if not self.leaving then pending = self:feed(pending, line) end
  end
  return pending
end

-- The input ended within a statement: says what the compiler says.
function Repl:drop(pending)
  if pending:sub(1, 1) == ":" then return self:call_command(pending) end
  local _, message = load(pending, CHUNK_NAME, "t")
  self:complain(message)
end

function Repl:loop()
  local pending
  while not self.leaving do
    tandem.poll(0)
    local line, dropped, why = self.input:read(pending and MORE or PROMPT)
    if why then self:complain("tandem: cannot read stdin: " .. why) end
    if dropped then
      pending = nil
    elseif line then
      pending = self:feed_lines(pending, line)
    elseif pending then
      self:drop(pending)
      pending = nil
      self.leaving = not self.input.interactive
    else
      self.leaving = true
    end
  end
end

local function greet(session)
  local version = tandem._VERSION:match("%d+%.%S+") or tandem._VERSION
  session.write(text.paint(session.colour, "bold", text.wrap(
    ("tandem %s (%s): Lua on threads, on %s")
      :format(version, _VERSION, units.number(tandem.cpu_count(), "core")),
    session.width)) .. "\n")
  session.write(text.wrap("Type Lua, or a command: :run shows what threads do, "
    .. ":help the way, :quit leaves.", session.width) .. "\n")
end

-- A person who leaves does not want to wait for what has not started; a
-- script does, and its callbacks with it.
function Repl:wind_up()
  self.input:close()
  self.session:close(self.input.interactive)
  if self.input.interactive then return 0 end
  tandem.poll(0)
  return self.failed and 1 or 0
end

-- Ctrl-C in a callback, or while a line is read without readline, comes as an
-- error; any other error here is a fault of ours, and the end.
function Repl:loop_and_survive()
  repeat
    local ok, problem = xpcall(self.loop, failure.traceback, self)
    if not ok then
      self:report(problem)
      self.leaving = not (failure.is_interruption(problem)
                          and self.input.interactive)
    end
  until self.leaving
end

--- Runs the REPL on the standard input.
-- @treturn integer the exit status: 0; from a pipe 1 if a statement failed
function M.start()
  core.keep_interrupts()
  rawset(_G, "tandem", tandem)
  local repl = setmetatable({
    input = input.open(), session = sessions.new(), failed = false,
    leaving = false,
  }, Repl)
  if repl.input.interactive then greet(repl.session) end
  repl:loop_and_survive()
  return output.finish(repl:wind_up())
end

return M
