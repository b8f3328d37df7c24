"""Marks that a submission cannot give itself: student code runs in a cage, values come out, and the verdict falls outside.

    key       what there is to solve in a chapter, from the instructor's notebook; what a student made of it
    nursery   a process that has run the chapter up to each exercise, and forks a child there for each answer
    cage      what such a child may do: time, memory, processes, files, none of them without limit (kernel: the walls of Linux)
    wire      calls and values between the child and the judge: numbers and arrays, never a pickle
    judge     the book's checkers, in this process, over functions that live in the child
    submissions  files and folders, as platforms export them
    course    many submissions, in parallel, on one machine or a cluster; a mark for each, and a page to read
    command   `dlbook grade`

`dlbook grade SUBMISSIONS` is the door. It needs Linux or macOS (on Windows: WSL).
"""
