--- `make bench`: tandem beside the serial loop and CPython's executor, in one
-- run. The figures never decide the exit code; a benchmark that fails does.

local here = arg[0]:match("^(.*)/[^/]*$") or "."
package.path = here .. "/../?.lua;" .. package.path

local argparse = require "argparse"
local tandem = require "tandem"
local child = require "bench.child"
local contest = require "bench.contest"
local machine = require "bench.machine"
local report = require "bench.report"

local FAMILIES = { "latency", "map", "cpu", "sleep", "data", "memory" }

local function positive(text)
  local value = math.tointeger(tonumber(text))
  if value and value > 0 then return value end
  return nil, "a whole number above 0 is wanted, not '" .. text .. "'"
end

local function read_options()
  local names = {}
  for i, kind in ipairs(contest.kinds) do names[i] = kind.name end
  local parser = argparse("bench", "Measures tandem beside others.")
  parser:option("--json", "Write all samples to this file."):argname("FILE")
  parser:flag("--quick", "Small sizes and three runs: rough figures, soon.")
  parser:option("--only")
    :description("Only this family, or benchmarks with this in the name.")
    :argname("NAME")
  parser:option("--runs", "Samples of each contender (default 5).")
    :convert(positive):argname("N")
  parser:flag("--no-python", "Leave CPython out.")
  parser:option("--pools", "Kinds of pool."):args("+"):choices(names)
  return parser:parse()
end

local function chosen_kinds(names)
  if not names then return contest.kinds end
  local kinds = {}
  for _, kind in ipairs(contest.kinds) do
    for _, name in ipairs(names) do
      if name == kind.name then kinds[#kinds + 1] = kind end
    end
  end
  return kinds
end

local function chosen_cases(family, options)
  local cases = require("bench.cases." .. family) {
    scale = options.quick and 0.1 or 1,
    cpus = tandem.cpu_count(),
  }
  if not options.only or family == options.only then return cases end
  local chosen = { title = cases.title, note = cases.note }
  for _, case in ipairs(cases) do
    if case.name:find(options.only, 1, true) then chosen[#chosen + 1] = case end
  end
  return chosen
end

local function write_json(path, document)
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(require "cjson".encode(document), "\n"))
end

local function main()
  local options = read_options()
  local runs = options.runs or options.quick and 3 or 5
  local with_python = not options.no_python and child.has_python()
  local kinds = chosen_kinds(options.pools)
  local facts = machine.facts(not options.no_python)
  local out = report.new(kinds, with_python)
  local all, failed = {}, {}

  report.facts(facts, runs, options.quick)
  for _, family in ipairs(FAMILIES) do
    local cases = chosen_cases(family, options)
    if #cases > 0 then out:heading(cases.title) end
    for _, case in ipairs(cases) do
      local rows, failures = contest.run(case, kinds, runs, with_python)
      for _, row in ipairs(rows) do
        row.family = family
        table.insert(all, row)
        out:row(row)
      end
      for _, text in ipairs(failures) do
        table.insert(failed, case.name .. ": " .. text)
        report.failure(case, text)
      end
    end
    if #cases > 0 then report.note(cases.note) end
  end
  out:summary(all)
  if options.json then
    write_json(options.json,
      { machine = facts, runs = runs, rows = all, failures = failed })
  end
  return #failed == 0
end

os.exit(main(), true)
