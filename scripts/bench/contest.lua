--- Takes the samples of one benchmark: all contenders in turn, again and
-- again, so that whatever drifts on the machine touches them alike.
--
-- A benchmark is a table:
--   name, unit, better      what the first figure is; better = "less"|"more"
--   target                  by kind of pool, see bench.targets
--   also                    name, unit, ... of any further figures
--   serial()                -> figures, one number each
--   tandem(pool, kind)      -> figures
--   python                  words for counterpart.py
--   workers                 of the pool; default one a processor, false: none
--   speed_up                samples are seconds; the figure is serial / these
--   fresh                   each sample has its own process: no warming up

local tandem = require "tandem"
local child = require "bench.child"
local stats = require "bench.stats"
local targets = require "bench.targets"

local contest = {}

--- The kinds of pool there are: one line each.
contest.kinds = {
  { name = "thread", title = "threads", new = tandem.thread_pool },
}

--- Starts every worker: a pool starts them as tasks come and find none idle.
local function start_workers(pool, count)
  for _ = 1, 20 do
    local naps = {}
    for i = 1, count do
      naps[i] = pool:submit("tandem:sleep", 0.002 + count * 1e-4)
    end
    tandem.wait(naps)
    if pool:stats().workers >= count then return end
  end
  error(("%d of %d workers started"):format(pool:stats().workers, count))
end

local function close_all(pools)
  for _, pool in pairs(pools) do pool:shutdown() end
end

local function open_pools(case, kinds)
  local pools = setmetatable({}, { __close = close_all })
  if case.workers == false then return pools end
  local count = case.workers or tandem.cpu_count()
  for _, kind in ipairs(kinds) do
    pools[kind.name] = kind.new(count)
    start_workers(pools[kind.name], count)
  end
  return pools
end

local function contenders(case, kinds, pools, with_python)
  local list = {}
  local function add(key, sample)
    list[#list + 1] = { key = key, sample = sample, figures = {} }
  end
  if case.serial then add("serial", case.serial) end
  for _, kind in ipairs(kinds) do
    add(kind.name, function() return case.tandem(pools[kind.name], kind) end)
  end
  if with_python and case.python then
    add("python", function() return child.python(case.python) end)
  end
  return list
end

--- Takes one sample; the first failure of a contender is kept and is its last.
local function take(contender, keep)
  if contender.failure then return end
  collectgarbage()
  local values = table.pack(pcall(contender.sample))
  if not values[1] then
    contender.failure = tostring(values[2])
  elseif keep then
    table.insert(contender.figures, table.move(values, 2, values.n, 1, {}))
  end
end

local function take_all(case, list, runs)
  for _, contender in ipairs(list) do
    if not case.fresh and contender.key ~= "python" then take(contender) end
  end
  for _ = 1, runs do
    for _, contender in ipairs(list) do take(contender, true) end
  end
end

local function column(figures, index)
  local samples = {}
  for run, values in ipairs(figures) do samples[run] = values[index] end
  return samples
end

--- Run by run `above` over `below`, where the clock saw any time at all.
local function quotients(above, below)
  local list = {}
  for run = 1, math.min(#above, #below) do
    if below[run] > 0 then table.insert(list, above[run] / below[run]) end
  end
  return list
end

--- Python divides by its own serial loop; all others by the one of this run.
local function to_speed_up(samples)
  local serial = samples.serial or {}
  for key, list in pairs(samples) do
    if key ~= "python" then samples[key] = quotients(serial, list) end
  end
end

local function judge(row, kinds)
  for _, kind in ipairs(kinds) do
    local target = row.target and row.target[kind.name]
    local from = target and target.of_serial and row.ratio or row.results
    local summary = from[kind.name]
    if target and summary then
      row.met[kind.name] = targets.met(target, summary.median)
    end
  end
end

--- One line of the table: a figure of every contender, and the verdicts.
local function new_row(about, samples, kinds)
  local row = {
    name = about.name, unit = about.unit, better = about.better,
    target = about.target, results = {}, ratio = {}, met = {},
  }
  for key, list in pairs(samples) do
    if #list > 0 then row.results[key] = stats.summary(list) end
  end
  for _, kind in ipairs(kinds) do
    local ratio = quotients(samples[kind.name] or {}, samples.serial or {})
    if #ratio > 0 then row.ratio[kind.name] = stats.summary(ratio) end
  end
  judge(row, kinds)
  return row
end

--- Runs a benchmark: its rows, and the failures as a list of texts.
function contest.run(case, kinds, runs, with_python)
  local pools <close> = open_pools(case, kinds)
  local list = contenders(case, kinds, pools, with_python)
  take_all(case, list, runs)
  local rows, failures = {}, {}
  for index, about in ipairs { case, table.unpack(case.also or {}) } do
    local samples = {}
    for _, contender in ipairs(list) do
      samples[contender.key] = column(contender.figures, index)
    end
    if case.speed_up then to_speed_up(samples) end
    rows[index] = new_row(about, samples, kinds)
  end
  for _, contender in ipairs(list) do
    if contender.failure then
      table.insert(failures, contender.key .. ": " .. contender.failure)
    end
  end
  return rows, failures
end

return contest
