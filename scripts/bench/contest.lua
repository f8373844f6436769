--- Takes the samples of one benchmark: all contenders in turn, again and
-- again, so that whatever drifts on the machine touches them alike.
--
-- A benchmark is a table:
--   name, unit, better      what the first figure is; better = "less"|"more"
--   target                  by kind of pool, see bench.targets
--   ratio                   see below
--   also                    name, unit, ... of any further figures
--   serial()                -> figures, one number each
--   tandem(pool, kind)      -> figures
--   python                  words for counterpart.py, or by rival
--   workers                 of the pool, or its options; default one worker a
--                           processor, false: no pool
--   on                      names of the kinds of pool; default all
--   fresh                   each sample has its own process: no warming up

local tandem = require "tandem"
local child = require "bench.child"
local kinds = require "bench.kinds"
local stats = require "bench.stats"
local targets = require "bench.targets"

local contest = {}

--- A figure may be the ratio of the first one to the serial one of the same
-- run. CPython's has its own serial loop, and comes as a ratio.
local RATIOS = {
  speed_up = function(figure, serial) return serial / figure end,
  times_serial = function(figure, serial) return figure / serial end,
}

local function close_all(pools)
  for _, pool in pairs(pools) do pool:shutdown() end
end

local function open_pools(case, pool_kinds)
  local pools = setmetatable({}, { __close = close_all })
  if case.workers == false then return pools end
  for _, kind in ipairs(pool_kinds) do
    pools[kind.name] = kinds.open(kind, case.workers or tandem.cpu_count())
  end
  return pools
end

local function words_for(case, rival)
  local words = case.python
  if type(words) == "table" then words = words[rival.python] end
  return words and rival.python .. " " .. words
end

local function contenders(case, pool_kinds, pools, rivals)
  local list = {}
  local function add(key, sample, rival)
    list[#list + 1] = { key = key, sample = sample, rival = rival,
      figures = {} }
  end
  if case.serial then add("serial", case.serial) end
  for _, kind in ipairs(pool_kinds) do
    add(kind.name, function() return case.tandem(pools[kind.name], kind) end)
  end
  for _, rival in ipairs(rivals) do
    local words = words_for(case, rival)
    if words then
      add(rival.name, function() return child.python(words) end, true)
    end
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

--- CPython is slow to measure, and takes part in every other run.
local function take_all(case, list, runs)
  for _, contender in ipairs(list) do
    if not case.fresh and not contender.rival then take(contender) end
  end
  for run = 1, runs do
    for _, contender in ipairs(list) do
      if not contender.rival or run % 2 == 1 then take(contender, true) end
    end
  end
end

local function column(figures, index)
  local samples = {}
  for run, values in ipairs(figures) do samples[run] = values[index] end
  return samples
end

--- Run by run, where the clock saw any time at all.
local function ratios(ratio, figures, serial)
  local list = {}
  for run = 1, math.min(#figures, #serial) do
    if figures[run] > 0 and serial[run] > 0 then
      table.insert(list, ratio(figures[run], serial[run]))
    end
  end
  return list
end

--- By contender the samples of the figure that `about` describes.
local function samples_of(about, list, index)
  local ratio, serial = RATIOS[about.ratio], nil
  if ratio then serial = column(list[1].figures, 1) end
  local samples = {}
  for _, contender in ipairs(list) do
    if ratio and not contender.rival then
      samples[contender.key] = ratios(ratio, column(contender.figures, 1),
        serial)
    else
      samples[contender.key] = column(contender.figures, index)
    end
  end
  return samples
end

local function judge(row, pool_kinds)
  for _, kind in ipairs(pool_kinds) do
    local target = row.target and row.target[kind.name]
    local summary = row.results[kind.name]
    if target and summary then
      row.met[kind.name] = targets.met(target, summary.median)
    end
  end
end

--- One line of the table: a figure of every contender, and the verdicts.
local function new_row(about, samples, pool_kinds)
  local row = {
    name = about.name, unit = about.unit, better = about.better,
    target = about.target, results = {}, met = {},
  }
  for key, list in pairs(samples) do
    if #list > 0 then row.results[key] = stats.summary(list) end
  end
  judge(row, pool_kinds)
  return row
end

--- Runs a benchmark: its rows, and the failures as a list of texts.
function contest.run(case, pool_kinds, rivals, runs)
  local taking_part = kinds.chosen(pool_kinds, case.on)
  local pools <close> = open_pools(case, taking_part)
  local list = contenders(case, taking_part, pools, rivals)
  take_all(case, list, runs)
  local rows, failures = {}, {}
  for index, about in ipairs { case, table.unpack(case.also or {}) } do
    rows[index] = new_row(about, samples_of(about, list, index), taking_part)
    rows[index].case = case.name
  end
  for _, contender in ipairs(list) do
    if contender.failure then
      table.insert(failures, contender.key .. ": " .. contender.failure)
    end
  end
  return rows, failures
end

return contest
