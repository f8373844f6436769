--- `make bench`: tandem beside the serial loop and CPython's pools, in one
-- run. The figures never decide the exit code; a benchmark that fails does.

local here = arg[0]:match("^(.*)/[^/]*$") or "."
package.path = here .. "/../?.lua;" .. package.path

local argparse = require "argparse"
local tandem = require "tandem"
local child = require "bench.child"
local contest = require "bench.contest"
local kinds = require "bench.kinds"
local machine = require "bench.machine"
local report = require "bench.report"

local FAMILIES = {
  "latency", "map", "cpu", "sleep", "data", "life", "stop", "chain",
  "host", "memory",
}

local function positive(text)
  local value = math.tointeger(tonumber(text))
  if value and value > 0 then return value end
  return nil, "a whole number above 0 is wanted, not '" .. text .. "'"
end

local function read_options()
  local names = {}
  for i, kind in ipairs(kinds.pools) do names[i] = kind.name end
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

local function chosen_cases(family, options, pools)
  local cases = require("bench.cases." .. family) {
    scale = options.quick and 0.1 or 1,
    cpus = tandem.cpu_count(),
  }
  local only = options.only ~= family and options.only or ""
  local chosen = { title = cases.title, note = cases.note }
  for _, case in ipairs(cases) do
    if case.name:find(only, 1, true) and #kinds.chosen(pools, case.on) > 0 then
      chosen[#chosen + 1] = case
    end
  end
  return chosen
end

local function write_json(path, document)
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(require "cjson".encode(document), "\n"))
end

--- Runs the benchmarks of a family, shows their rows, and keeps them in `all`.
local function run_family(family, options, field, all)
  local cases = chosen_cases(family, options, field.pools)
  if #cases == 0 then return end
  field.report:heading(cases.title)
  for _, case in ipairs(cases) do
    local rows, failures = contest.run(case, field.pools, field.rivals,
      field.runs)
    for _, row in ipairs(rows) do
      row.family = family
      table.insert(all.rows, row)
      field.report:row(row)
    end
    for _, text in ipairs(failures) do
      table.insert(all.failures, case.name .. ": " .. text)
      report.failure(case, text)
    end
  end
  report.note(cases.note)
end

--- Who takes part, and how often.
local function new_field(options)
  local pools = kinds.chosen(kinds.pools, options.pools)
  local with_python = not options.no_python and child.has_python()
  local rivals = with_python and kinds.rivals or {}
  return {
    pools = pools, rivals = rivals, report = report.new(pools, rivals),
    runs = options.runs or options.quick and 3 or 5,
  }
end

local function main()
  local options = read_options()
  local field = new_field(options)
  local all = {
    machine = machine.facts(not options.no_python), runs = field.runs,
    rows = {}, failures = {},
  }
  report.facts(all.machine, field.runs, options.quick)
  if #field.rivals > 0 then print(kinds.legend) end
  for _, family in ipairs(FAMILIES) do
    run_family(family, options, field, all)
  end
  field.report:summary(all.rows)
  if options.json then write_json(options.json, all) end
  return #all.failures == 0
end

os.exit(main(), true)
