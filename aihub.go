// Package aihub holds the nouns of the platform, their states and the legal
// moves between them, and the kinds of error every room speaks.
//
// A Scenario (应用场景) is a published challenge; name@N is immutable. A
// DatasetVersion (数据集版本) is a masked table cut into Parts: sample (public),
// train, test and final (hidden inputs) and their truth (seen by the evaluator
// alone). An Enrolment (揭榜) is an organisation's approved claim on a scenario.
// A Submission (提交) enters an image in a Round (评测轮次); each execution of it
// is a Run (运行). A Score (成绩) is sealed until a Release (出域) decides what
// leaves. The leak budget (泄露预算) says how much feedback about one hidden part
// may still be given, and every decision is a leaf of the ledger (存证).
//
// This package imports only the standard library and does no I/O: the rooms
// (catalog, sandbox, evaluator, server) import it and meet through it.
package aihub
