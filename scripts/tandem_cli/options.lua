--- The options of the command line, and the help.
--
-- Reading them is lua-argparse's work (Debian: lua-argparse). A mistake in
-- usage ends the program with exit status 2.
--
-- @module tandem_cli.options
local core = require "tandem.core"

local M = {}

local USAGE_ERROR = 2

local ABOUT = [[
Lua tasks on threads that truly run at once, each with a Lua state of its own.
Without a command: a prompt (or, from a pipe, a script) where Lua statements
run with `tandem` and a thread pool, `pool`, at hand.]]

local EXAMPLES = [[
A task is named "module:function". Examples:
   tandem
   tandem run script.lua input.txt
   seq 1000000 1000020 | tandem map tasks.primes:is_prime
   find . -name '*.lua' | sed 's/.*/"&"/' | tandem map tasks.files:count
   echo 'pool:call("tasks.primes:count", 1, 10000)' | tandem
`tandem COMMAND --help` tells more of a command.]]

local MAP_ABOUT = [[
Reads JSON Lines (a JSON value a line), calls TASK with each value on a worker
thread, and writes its first result as a line of JSON, in the order of the
input. Input is read as it is needed and each result is written as soon as it
can be, so input without an end is fine.]]

local MAP_NOTES = [[
Numbers without a fraction become Lua integers as far as a double holds them
exactly (2^53). null is `cjson.null`; a task that returns nothing gives null.
An empty table is written as {}.
With --on-error collect a failed item gives, in its place, the line
   {"error":{"kind":"...","message":"...","line":N}}
Exit status: 0; 1 if an item failed; 2 for input that is not JSON and for
options that are wrong; 130 after a Ctrl-C.
Example:
   seq 5 | tandem map math:sqrt]]

local RUN_ABOUT = [[
Runs a Lua script with tandem and its catalogue of tasks on package.path. All
that follows FILE belongs to the script, options too. "-" reads the script
from the standard input.]]

local BENCH_ABOUT = [[
Times the same small work run serially, on threads, and on processes: tasks
that wait, and tasks that compute. It takes a few seconds.]]

local BENCH_NOTES = [[
With --json it writes one object: "machine", "workers", and "rows" with
"kind" (io or cpu), "items", and "seconds" of serial, threads and processes.]]

-- A converter for an option, which its complaint names.
local function positive_integer(option, most)
  local range = most and "from 1 to " .. most or "above 0"
  return function(text)
    local number = math.tointeger(tonumber(text))
    if number and number > 0 and number <= (most or number) then
      return number
    end
    return nil, ("%s: '%s' is not a whole number %s")
      :format(option, text, range)
  end
end

local function add_run(parser)
  local run = parser:command("run", RUN_ABOUT)
  run:summary("Run a Lua script with tandem at hand.")
  run:argument("file", "The script."):argname("FILE")
  run:argument("args", "Its arguments."):argname("ARG"):args("*")
end

local function add_map(parser)
  local map = parser:command("map", MAP_ABOUT, MAP_NOTES)
  map:summary("Call a task for every line of JSON.")
  map:argument("task", 'What to call: "module:function".'):argname("TASK")
  map:mutex(
    map:option("--threads", "How many worker threads.")
      :argname("N"):convert(positive_integer("--threads", core.MAX_WORKERS)),
    map:option("--processes", "Worker processes in place of threads.")
      :argname("N")
      :convert(positive_integer("--processes", core.MAX_PROCESSES)))
  map:option("--chunk", "How many lines a worker gets at a time. More than "
             .. "one pays where a task takes microseconds.")
    :argname("N"):convert(positive_integer "--chunk"):default("1")
  map:flag("--unordered", "Write results as they come.")
  map:option("--on-error", "At an item that fails stop (raise), or write "
             .. "the error in its place and go on (collect).")
    :argname("WHAT"):choices { "raise", "collect" }:default("raise")
end

local function add_bench(parser)
  local bench = parser:command("bench", BENCH_ABOUT, BENCH_NOTES)
  bench:summary("Time serial, threads and processes.")
  bench:option("--workers", "How many workers the pools have.")
    :argname("N")
    :convert(positive_integer("--workers", core.MAX_PROCESSES)):default("8")
  bench:flag("--json", "Write JSON in place of the table.")
end

-- "tandem 0.1.0 (Lua 5.4)", whether the library names itself or not.
local function version(tandem)
  local number = tandem._VERSION:match("%d+%.%d+%.%d+%S*") or tandem._VERSION
  return ("tandem %s (%s)"):format(number, _VERSION)
end

local function new_parser(tandem)
  local parser = require "argparse"("tandem", ABOUT)
  parser:epilog(EXAMPLES)
  parser:require_command(false)
  parser:command_target("command")
  parser:help_max_width(79)
  parser:flag("-v --version", "Show the version and exit.")
    :action(function()
      print(version(tandem))
      os.exit(0)
    end)
  add_run(parser)
  add_map(parser)
  add_bench(parser)
  -- Called for the command's own parser, so that the usage shown is the
  -- command's.
  function parser.error(command, message)
    io.stderr:write(command:get_usage(), "\n\nError: ", message, "\n")
    os.exit(USAGE_ERROR)
  end
  return parser
end

-- Everything behind `run FILE` belongs to the script. For the parser that is
-- what a "--" before FILE says, so it is put there.
local function guard_script_options(arguments)
  local guarded = table.move(arguments, 1, #arguments, 1, {})
  if guarded[1] ~= "run" then return guarded end
  for i = 2, #guarded do
    if guarded[i] == "--" then break end
    if guarded[i] == "-" or guarded[i]:sub(1, 1) ~= "-" then
      table.insert(guarded, i, "--")
      break
    end
  end
  return guarded
end

--- Reads the arguments; ends the program where they are wrong, and after
-- `--help` and `--version`.
-- @tparam {string,...} arguments
-- @param tandem the library
-- @treturn table the options by name; `command` is nil or its name
function M.parse(arguments, tandem)
  return new_parser(tandem):parse(guard_script_options(arguments))
end

return M
