/* direct_courses.h: reads the lessons of a learner's courses, with the learner's progress, without SQL. */
#ifndef CONTENT_LIBRARY_DIRECT_COURSES_H
#define CONTENT_LIBRARY_DIRECT_COURSES_H

#include "course.h"

/* A course that a learner is enrolled in, as far as it decides which lessons are open. */
typedef struct LearnerCourse
{
	Datum		id;
	TimestampTz enrolled_at;
	bool		is_completed;
	bool		is_sequential;
	bool		is_closed;		/* to the learner: see NO_ACCESS_SQL */
} LearnerCourse;

/* A lesson of a learner's course. */
typedef struct LearnerLesson
{
	const Datum *place;			/* the columns of LESSON_PLACE_SQL */
	bool		counts;
	bool		begun;
	bool		completed;
	TimestampTz last_watched;	/* if begun */
	bool		is_open;		/* if it is not completed: whether the learner may watch it */
	bool		waits;			/* it may not, and only because of the lessons before it */
} LearnerLesson;

/* Takes a lesson of the course with that id. */
typedef void (*LessonReceiver) (void *to, Datum course_id, const LearnerLesson *lesson);

extern bool direct_read_courses(const Library *library, Datum user_id, const LearnerCourse *courses,
								int count, LessonReceiver receive, void *to);

#endif							/* CONTENT_LIBRARY_DIRECT_COURSES_H */
