-- The main job of tandem on real input: files of this machine read and
-- counted, pages fetched from a slow server, primes and square roots. Each
-- job runs as a plain loop, on 1, 2, 4, ... threads and on as many processes;
-- the results must be equal, and a table tells what the workers were worth.
-- Then a task kills its own worker process, and the others do not notice.
--
--     make demo        or, from the build environment,
--     lua5.4 scripts/demo.lua [--quick] [--dir DIR] [--workers 1,2,4]

local here = arg[0]:match("^(.*)/[^/]*$") or "."
dofile(here .. "/tandem_cli/paths.lua").set_up(here .. "/tandem_cli")

local argparse = require "argparse"
local tandem = require "tandem"

local isolation = require "demo.isolation"
local jobs = require "demo.jobs"
local measure = require "demo.measure"
local report = require "demo.report"

-- As many columns as 80 characters hold.
local MOST_WIDTHS = 5

-- 1, 2, 4, 8, and then the cores where there are more.
local function default_widths()
  local widths = { 1, 2, 4, 8 }
  local cores = tandem.cpu_count()
  if cores > 8 then widths[5] = cores end
  return widths
end

local function to_widths(text)
  local widths = {}
  for word in text:gmatch("[^,]+") do
    local width = math.tointeger(tonumber(word))
    if not width or width < 1 then
      return nil, ("'%s' is not a number of workers"):format(word)
    end
    widths[#widths + 1] = width
  end
  if #widths < 1 or #widths > MOST_WIDTHS then
    return nil, ("give 1 to %d numbers of workers"):format(MOST_WIDTHS)
  end
  return widths
end

local function parse_options()
  local parser = argparse("demo.lua",
    "Real work in a loop, on threads, on processes.")
  parser:flag("--quick", "Less of everything.")
  parser:option("--dir", "Whose text files to read.", nil, nil, 1)
    :argname("DIR")
  parser:option("--workers", "How many workers to try, as in 1,2,4.")
    :argname("LIST"):convert(to_widths)
  local options = parser:parse()
  options.workers = options.workers or default_widths()
  return options
end

-- Prints a figure as soon as it is there.
local function say(...)
  io.write(...)
  io.flush()
end

local function run_on(kind, job, widths, loop)
  local runs = {}
  say(("        %-10s"):format(kind.name))
  for i, width in ipairs(widths) do
    say(("%s%d:"):format(i == 1 and "" or "; ", width))
    runs[i] = measure.best(job, measure.pool, kind, width)
    say((" %.2f s"):format(runs[i].seconds))
    measure.check_equal(job, loop, runs[i])
  end
  say("\n")
  return runs
end

local function run(job, widths)
  say(("%-7s %s\n        loop      "):format(job.name, job.about))
  local loop = measure.best(job, measure.loop)
  say(("%.2f s\n"):format(loop.seconds))
  local result = { job = job, loop = loop }
  for _, kind in ipairs(measure.kinds) do
    result[kind.name] = run_on(kind, job, widths, loop)
  end
  return result
end

local function main()
  local options = parse_options()
  local cores = tandem.cpu_count()
  say(("tandem on %s, %d core%s. A moment, please.\n\n")
      :format(_VERSION, cores, cores == 1 and "" or "s"))
  local runs = {}
  for _, job in ipairs(jobs.list(options)) do
    local ready, problem = job.open()
    if ready then
      runs[#runs + 1] = run(job, options.workers)
      job.close()
    else
      say(("%-7s left out: %s\n"):format(job.name, problem))
    end
  end
  say("\n", report.table(runs, options.workers), "\n")
  say(report.lessons(runs, cores), "\n")
  local story, trouble = isolation.show()
  say(report.paragraph("crash", story), report.paragraph("", trouble))
  say(report.rule())
  return #runs > 0
end

local ok, outcome = xpcall(main, function(problem)
  return type(problem) == "table" and problem.demo
         or debug.traceback(tostring(problem), 2)
end)
if not ok then io.stderr:write("\ndemo: ", outcome, "\n") end
os.exit(ok and outcome, true)
