--- The REPL: Lua statements, one after another, with `tandem` and `pool`.
--
-- At a terminal it prompts. From a pipe it runs the same lines as a script:
-- no prompt, a failing statement is told on stderr and the rest still runs,
-- the exit status is 1 if any failed, and work that was submitted is waited
-- for at the end.
--
-- @module tandem_cli.repl
local tandem = require "tandem"

local commands = require "tandem_cli.commands"
local failure = require "tandem_cli.failure"
local input = require "tandem_cli.input"
local printer = require "tandem_cli.printer"

local M = {}

local PROMPT, MORE = "tandem> ", "     -> "

-- Seconds that running tasks get to end when a person leaves.
local PATIENCE = 0.5

local CHUNK_NAME = "=stdin"

local Repl = {}
Repl.__index = Repl

local function unfinished(message)
  return message:sub(-5) == "<eof>"
end

-- A chunk for a whole statement or expression; nil and a message for a wrong
-- one; nil and nil for one whose end is still to come.
local function compile(source)
  local expression, why = load("return " .. source, CHUNK_NAME, "t")
  if expression then return expression end
  local statement, message = load(source, CHUNK_NAME, "t")
  if statement then return statement end
  if unfinished(message) or unfinished(why) then return nil end
  return nil, message
end

function Repl:complain(message)
  self.failed = true
  io.stdout:flush()
  io.stderr:write(message, "\n")
end

local function show_all(values)
  local shown = {}
  for i = 1, values.n do shown[i] = printer.show(values[i]) end
  if values.n > 0 then io.write(table.concat(shown, "\t"), "\n") end
end

function Repl:run(chunk)
  local values = table.pack(xpcall(chunk, failure.traceback))
  if not values[1] then return self:complain(values[2]) end
  show_all(table.pack(table.unpack(values, 2, values.n)))
end

-- Deals with a line; what it returns is still unfinished and wants more.
function Repl:feed(pending, line)
  if not pending and line:sub(1, 1) == ":" then
    local problem = commands.call(self, line)
    if problem then self:complain(problem) end
    return nil
  end
  local source = pending and pending .. "\n" .. line or line
  local chunk, message = compile(source)
  if chunk then
    self:run(chunk)
  elseif message then
    self:complain(message)
  else
    return source
  end
end

-- The input ended within a statement: says what the compiler says.
function Repl:drop(pending)
  local _, message = load(pending, CHUNK_NAME, "t")
  if self.input.interactive then io.write("\n") end
  self:complain(message)
end

function Repl:loop()
  local pending
  while not self.leaving do
    tandem.poll(0)
    local line = self.input.read(pending and MORE or PROMPT)
    if line then
      pending = self:feed(pending, line)
    elseif pending then
      self:drop(pending)
      pending = nil
      self.leaving = not self.input.interactive
    else
      self.leaving = true
    end
  end
end

local function greet(pool)
  io.write(("tandem %s (%s): Lua on threads, on %d cores\n")
           :format(tandem._VERSION:match("%d+%.%S+") or tandem._VERSION,
                   _VERSION, tandem.cpu_count()))
  io.write(("pool is %s. :help, :quit\n"):format(tostring(pool)))
end

-- A person who leaves does not want to wait for what has not started; a
-- script does, and its callbacks with it.
function Repl:wind_up()
  self.input.close()
  if self.input.interactive then
    self.pool:shutdown { wait = false, cancel_pending = true }
    return 0
  end
  self.pool:shutdown()
  tandem.poll(0)
  return self.failed and 1 or 0
end

-- Ctrl-C while a line is read comes as an error. It drops what was typed;
-- any other error here is a fault of ours, and the end.
function Repl:loop_and_survive()
  repeat
    local ok, problem = xpcall(self.loop, failure.traceback, self)
    if not ok then
      local interrupted = problem:find("interrupted!", 1, true)
      self:complain(interrupted and "interrupted" or problem)
      self.leaving = not (interrupted and self.input.interactive)
    end
  until self.leaving
end

--- Runs the REPL on the standard input.
-- @treturn integer the exit status: 0; from a pipe 1 if a statement failed
function M.start()
  local pool = tandem.thread_pool { exit_timeout = PATIENCE }
  rawset(_G, "tandem", tandem)
  rawset(_G, "pool", pool)
  local repl = setmetatable({
    input = input.open(), pool = pool, failed = false, leaving = false,
  }, Repl)
  if repl.input.interactive then greet(pool) end
  repl:loop_and_survive()
  return repl:wind_up()
end

return M
