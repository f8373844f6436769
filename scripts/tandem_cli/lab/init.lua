--- The laboratory: commands of the prompt that look into pools.
--
-- A list of `{ name, usage, most, summary, help, run }`; `usage` is its
-- arguments in words, `most` how many there may be. `run(session, args)` takes
-- the words behind the command, and returns nil, or what was wrong. Of a
-- session they use `pool_kind`, `workers`, `task`, `runs`, `width`, `colour`,
-- `write(text)` and `make_pool(kind, workers)`.
--
-- @module tandem_cli.lab

-- How many arguments there may be, where that is not any number.
local MOST = { [""] = 0, FILE = 1 }

-- What a command needs is loaded when it is first called: a prompt should be
-- there at once.
local function command(name, usage, summary, help)
  return {
    name = name, usage = usage, most = MOST[usage],
    summary = summary, help = help,
    run = function(session, args)
      return require("tandem_cli.lab." .. name).run(session, args or {})
    end,
  }
end

return {
  command("sweep", "[WIDTHS]", "the same work at each width", [[
Runs the chosen task on a fresh pool of each width, shows a table and a chart,
and says which width to take and why. The knee is the smallest width with nine
tenths of the best throughput. Without widths: doublings around the cores.
  :sweep 1 2 4 8 16]]),
  command("compare", "", "the same work on each kind of pool", [[
Runs the chosen task serially, on threads, on threads under one lock (as under
CPython's GIL), and on processes, and says what that teaches.]]),
  command("timeline", "", "the last run, a row a worker", [[
Shows when each worker computed, waited in a task, and was idle; on the right
the part of the time in which it had a task.]]),
  command("explain", "", "where the last run's time went", [[
Shows the parts of the workers' time: computing, waiting in tasks, waiting for
a core, hand-over (from the queue to the worker), idle; then the caller's time,
the law that callbacks followed, and the one change that would help most, with
the time that a model of the pool expects of it.]]),
  command("predict", "[WIDTHS] [cores N]",
          "the last run at other widths, by a model", [[
Replays the recorded times of the last run's tasks (computing, waiting) through
a model of the pool, with any number of workers and cores, and shows the error
where the session has a real run to compare with.
  :predict 8 16 32
  :predict 4 8 cores 8]]),
  command("save", "FILE", "the session's runs, as a page or figures", [[
By the end of the name: .html is one page with the charts, which needs no
network; .trace.json is a trace of the last run's kind and task that Perfetto
and chrome://tracing open; .json has all runs with all times.]]),
}
